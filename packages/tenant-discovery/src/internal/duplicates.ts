/**
 * The last IDs that were seen: a ring, with a hash table of its own over it. It keeps an
 * ID's letters and not the text, which would outlive its event by just enough to be copied
 * twice by the collector of young objects: an eighth of its pauses in a flood.
 *
 * In place of a `Set` beside the ring, whose deletions make it lay itself out anew
 * again and again: in a flood 12 % of the time, and 6 so. However IDs collide, looking
 * one up compares no more numbers than the window has.
 */
import { ownCopy } from "./ownCopy.js"

const NONE = -1
/** Letters of an ID that are kept in the ring: a UUID and a prefix. Longer ones are rare. */
const ROOM = 48

export class RecentIds {
  /** `ROOM` for each position; longer IDs are texts beside it. */
  private letters = new Uint16Array(0)
  private readonly longer = new Map<number, string>()
  private readonly lengths: Int32Array
  private readonly hashes: Int32Array
  /** The first of each bucket, and after each the next: positions in the ring. */
  private readonly buckets: Int32Array
  private readonly following: Int32Array
  private next = 0
  private count = 0

  constructor(private readonly capacity: number) {
    const size = Math.max(0, capacity)
    this.hashes = new Int32Array(size)
    this.lengths = new Int32Array(size)
    this.following = new Int32Array(size)
    this.buckets = new Int32Array(2 ** Math.ceil(Math.log2(size * 2 + 1))).fill(NONE)
  }

  /** `true` where the ID was seen within the window; remembers it otherwise. */
  seen(id: string): boolean {
    const hash = hashOf(id)
    const bucket = hash & (this.buckets.length - 1)
    for (let at = this.first(bucket); at !== NONE; at = this.following[at] ?? NONE) {
      if (this.hashes[at] === hash && this.holds(at, id)) return true
    }
    if (this.capacity <= 0) return false
    const at = this.next
    if (at < this.count) this.forget(at)
    else this.count++
    this.keep(at, id)
    this.hashes[at] = hash
    this.following[at] = this.first(bucket)
    this.buckets[bucket] = at
    this.next = (at + 1) % this.capacity
    return false
  }

  private holds(at: number, id: string): boolean {
    if (this.lengths[at] !== id.length) return false
    if (id.length > ROOM) return this.longer.get(at) === id
    for (let i = 0; i < id.length; i++) {
      if (this.letters[at * ROOM + i] !== id.charCodeAt(i)) return false
    }
    return true
  }

  private keep(at: number, id: string): void {
    this.lengths[at] = id.length
    if (id.length > ROOM) {
      this.longer.set(at, ownCopy(id))
      return
    }
    this.makeRoomFor(at)
    for (let i = 0; i < id.length; i++) this.letters[at * ROOM + i] = id.charCodeAt(i)
  }

  /** Doubles, so that a program that sees few events has no room for ten thousand. */
  private makeRoomFor(at: number): void {
    const { letters } = this
    if (at * ROOM < letters.length) return
    const positions = Math.min(this.capacity, Math.max(16, 2 * at))
    this.letters = new Uint16Array(positions * ROOM)
    this.letters.set(letters)
  }

  private first(bucket: number): number {
    return this.buckets[bucket] ?? NONE
  }

  private forget(oldest: number): void {
    this.longer.delete(oldest)
    const bucket = (this.hashes[oldest] ?? 0) & (this.buckets.length - 1)
    const after = this.following[oldest] ?? NONE
    let at = this.first(bucket)
    if (at === oldest) {
      this.buckets[bucket] = after
      return
    }
    for (; at !== NONE; at = this.following[at] ?? NONE) {
      if (this.following[at] === oldest) {
        this.following[at] = after
        return
      }
    }
  }
}

/** FNV-1a over the code units. */
const hashOf = (id: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193)
  return hash
}

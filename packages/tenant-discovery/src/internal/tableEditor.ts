/**
 * Writes the next table: takes any number of changes. The table it began with stays as
 * it was, also where the edit is given up half-way.
 */
import type { Tenant, TenantId } from "../Tenant.js"
import type { RemovalCause } from "../TenantChange.js"
import type { ConnectionsReason } from "../TenantEvent.js"
import { IdIndex } from "./idIndex.js"
import { ownCopy, ownId } from "./ownCopy.js"
import { causeOf, noPast, type Past, pastOf, Slots } from "./slots.js"
import { TenantStore } from "./tenantStore.js"
import { TenantTable } from "./tenantTable.js"

/** Below this many departed tenants a new layout is not worth its cost. */
const FEW = 64

export class TableEditor {
  private store: TenantStore
  private size: number
  private revision: number

  constructor(private readonly base: TenantTable) {
    // Others have gone on from there: this one goes on with a store of its own.
    this.store = base.isNewest ? base.store : copyOf(base)
    this.size = base.size
    this.revision = base.revision
  }

  add(id: TenantId, name?: string): void {
    const slot = this.store.index.slotOf(id)
    if (slot >= 0 && this.store.isPresent(slot)) return
    const known = slot < 0 ? ownId(id) : this.store.index.idAt(slot)
    this.place(slot, { id: known, name }, ++this.revision)
  }

  remove(id: TenantId, cause: RemovalCause): void {
    const slot = this.presentSlot(id)
    if (slot >= 0) this.removeAt(slot, ++this.revision, kept(cause))
  }

  changeConnections(id: TenantId, reason: ConnectionsReason): void {
    const slot = this.presentSlot(id)
    if (slot < 0) return
    const past: Past = { ...this.pastAt(slot), connectionsAt: ++this.revision, reason }
    this.store.note(slot, this.store.sinceAt(slot), past)
  }

  /** Without a name the one known stays. */
  update(id: TenantId, name?: string): void {
    const slot = this.presentSlot(id)
    if (slot < 0) return
    const tenant = name === undefined ? this.store.tenantAt(slot) : { id, name }
    this.updateAt(slot, tenant, ++this.revision)
  }

  /**
   * Takes over a list: adds and renames at once, as one revision. Of those present
   * that the list lacks, the ones that `judge` answers are removed; it is told how many the list has a say
   * in. Tenants in `decided` are left alone: an event has told of them since the list was asked for.
   */
  list(
    tenants: ReadonlyArray<Tenant>,
    decided: ReadonlySet<TenantId>,
    judge: (missing: ReadonlyArray<TenantId>, size: number) => ReadonlyArray<TenantId>
  ): void {
    const { store } = this
    const at = this.revision + 1
    const before = store.length
    if (before === 0 && decided.size === 0 && this.fill(tenants, at)) return
    const sizeBefore = this.size
    const seen = new Uint8Array(before)
    let found = 0
    for (const tenant of tenants) {
      if (decided.size > 0 && decided.has(tenant.id)) continue
      const slot = store.index.slotOf(tenant.id)
      if (slot < 0 || !store.isPresent(slot)) {
        this.place(slot, tenant, at)
        if (slot >= 0 && slot < before) seen[slot] = 1
        this.revision = at
      } else if (slot < before && seen[slot] === 0) {
        seen[slot] = 1
        found++
        this.rename(slot, tenant, at)
      }
    }
    if (found === sizeBefore) return
    const missing = this.missing(seen, decided)
    const removed = judge(missing, found + missing.length)
    for (const id of removed) {
      const slot = store.index.slotOf(id)
      if (slot >= 0) this.removeAt(slot, at, byListing)
    }
    if (removed.length > 0) this.revision = at
  }

  /** The table with the changes; the very same one where nothing changed. */
  commit(): TenantTable {
    if (this.revision === this.base.revision) return this.base
    const store = this.laidOut()
    if (store !== this.store) this.store.succeededBy(store)
    return new TenantTable(store, store.now, store.length, this.size, this.revision)
  }

  /** The store to go on with, see the head of `tenantTable`. */
  private laidOut(): TenantStore {
    const { revision, size, store } = this
    const departed = store.length - size
    if (departed - store.layout.departed <= Math.max(FEW, size)) return store.renewed()
    if (store.layout.departed > 0) return laidOutAnew(store, size, revision)
    // Nobody has been gone since before the last layout: it is as if it had been now.
    store.layout = { since: revision, departed }
    return store.renewed()
  }

  /**
   * Takes the first list, in arrays of just its length, which saves 70 MB of 560 at the peak
   * of a million: those that grow are copied a dozen times, and once more to give back their
   * room. `false`, and nothing taken, where the list is empty or repeats a tenant.
   */
  private fill(tenants: ReadonlyArray<Tenant>, at: number): boolean {
    const index = tenants.length === 0 ? undefined : IdIndex.of(tenants.map(({ id }) => id))
    if (index === undefined) return false
    this.store = new TenantStore(index, Slots.of(tenants, at), this.store.layout)
    this.size = tenants.length
    this.revision = at
    return true
  }

  private missing(seen: Uint8Array, decided: ReadonlySet<TenantId>): ReadonlyArray<TenantId> {
    const missing: Array<TenantId> = []
    for (let slot = 0; slot < seen.length; slot++) {
      if (seen[slot] === 1 || !this.store.isPresent(slot)) continue
      const id = this.store.index.idAt(slot)
      if (!decided.has(id)) missing.push(id)
    }
    return missing
  }

  private rename(slot: number, tenant: Tenant, at: number): void {
    // A list without names does not take a name away.
    if (tenant.name === undefined || this.store.tenantAt(slot).name === tenant.name) return
    this.updateAt(slot, tenant, at)
    this.revision = at
  }

  private updateAt(slot: number, tenant: Tenant, updatedAt: number): void {
    const past: Past = { ...this.pastAt(slot), updatedAt }
    this.store.write(slot, named(tenant), this.store.sinceAt(slot), past)
  }

  private removeAt(slot: number, removedAt: number, cause: RemovalCause): void {
    this.size--
    this.store.note(slot, -removedAt, cause)
  }

  /** Puts a tenant that is not present into its old slot, or a new one. */
  private place(slot: number, tenant: Tenant, since: number): void {
    this.size++
    if (slot < 0) {
      this.store.append(tenant.id, named(tenant), since, undefined)
      return
    }
    const past: Past = {
      ...noPast,
      removedAt: -this.store.sinceAt(slot),
      cause: causeOf(this.store.noteAt(slot))
    }
    this.store.write(slot, named(tenant), since, past)
  }

  /** -1 where the tenant is not present. */
  private presentSlot(id: TenantId): number {
    const slot = this.store.index.slotOf(id)
    return slot >= 0 && this.store.isPresent(slot) ? slot : -1
  }

  private pastAt(slot: number): Past {
    return pastOf(this.store.noteAt(slot))
  }
}

/** One without a name is its ID alone, which the index has. */
const named = (tenant: Tenant): Tenant | undefined =>
  tenant.name === undefined ? undefined : tenant

/** Texts of an event are parts of its whole text: what is kept of it, this and a new ID, is copied. */
const kept = (cause: RemovalCause): RemovalCause =>
  cause._tag === "Event" && cause.eventId !== undefined
    ? { ...cause, eventId: ownCopy(cause.eventId) }
    : cause

const byListing: RemovalCause = { _tag: "Listing" }

const copyOf = (table: TenantTable): TenantStore => {
  const store = new TenantStore(IdIndex.empty(), Slots.none(), table.store.layout)
  for (let slot = 0; slot < table.length; slot++) {
    const tenant = table.tenantAt(slot)
    store.append(tenant.id, named(tenant), table.sinceAt(slot), table.noteAt(slot))
  }
  return store
}

/** Leaves out those who left before the last time; see the head of `tenantTable`. */
const laidOutAnew = (old: TenantStore, size: number, since: number): TenantStore => {
  const slots: Array<number> = []
  for (let slot = 0; slot < old.length; slot++) {
    const known = old.sinceAt(slot)
    if (known > 0 || -known > old.layout.since) slots.push(slot)
  }
  return old.only(slots, { since, departed: slots.length - size })
}

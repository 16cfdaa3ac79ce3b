/**
 * Writes the next table: takes any number of changes. The table it began with stays as
 * it was, also where the edit is given up half-way.
 */
import type { Tenant, TenantId } from "../Tenant.js"
import type { RemovalCause } from "../TenantChange.js"
import type { ConnectionsReason } from "../TenantEvent.js"
import { type History, TenantStore } from "./tenantStore.js"
import { TenantTable } from "./tenantTable.js"

/** Below this many departed tenants a new layout is not worth its cost. */
const FEW = 64

export class TableEditor {
  private readonly store: TenantStore
  private size: number
  private revision: number
  /** Of the list that is being taken over: one history for all that it adds. */
  private listed: History | undefined

  constructor(private readonly base: TenantTable) {
    // Others have gone on from there: this one goes on with a store of its own.
    this.store = base.isNewest ? base.store : copyOf(base)
    this.size = base.size
    this.revision = base.revision
  }

  add(id: TenantId, name?: string): void {
    const slot = this.store.slots.get(id)
    if (slot !== undefined && this.store.historyAt(slot).present) return
    this.place(slot, { id, name }, arrival(++this.revision))
  }

  remove(id: TenantId, cause: RemovalCause): void {
    const slot = this.store.slots.get(id)
    if (slot !== undefined && this.store.historyAt(slot).present) {
      this.removeAt(slot, ++this.revision, cause)
    }
  }

  changeConnections(id: TenantId, reason: ConnectionsReason): void {
    const slot = this.store.slots.get(id)
    if (slot === undefined) return
    const { addedAt, present, removal, updatedAt } = this.store.historyAt(slot)
    if (!present) return
    const connections = { at: ++this.revision, reason }
    this.store.write(slot, this.store.tenantAt(slot), {
      addedAt,
      connections,
      updatedAt,
      removal,
      present
    })
  }

  /** Without a name the one known stays. */
  update(id: TenantId, name?: string): void {
    const slot = this.store.slots.get(id)
    if (slot === undefined || !this.store.historyAt(slot).present) return
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
    const sizeBefore = this.size
    const seen = new Uint8Array(before)
    let found = 0
    for (const tenant of tenants) {
      if (decided.size > 0 && decided.has(tenant.id)) continue
      const slot = store.slots.get(tenant.id)
      if (slot === undefined || !store.historyAt(slot).present) {
        this.place(slot, tenant, (this.listed ??= arrival(at)))
        if (slot !== undefined && slot < before) seen[slot] = 1
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
      const slot = store.slots.get(id)
      if (slot !== undefined) this.removeAt(slot, at, { _tag: "Listing" })
    }
    if (removed.length > 0) this.revision = at
  }

  /** The table with the changes; the very same one where nothing changed. */
  commit(): TenantTable {
    if (this.revision === this.base.revision) return this.base
    const departed = this.store.length - this.size - this.store.layout.departed
    const store =
      departed > Math.max(FEW, this.size)
        ? laidOutAnew(this.store, this.size, this.revision)
        : this.store.renewed()
    return new TenantTable(store, store.now, store.length, this.size, this.revision)
  }

  private missing(seen: Uint8Array, decided: ReadonlySet<TenantId>): ReadonlyArray<TenantId> {
    const missing: Array<TenantId> = []
    for (let slot = 0; slot < seen.length; slot++) {
      if (seen[slot] === 1 || !this.store.historyAt(slot).present) continue
      const { id } = this.store.tenantAt(slot)
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
    const { addedAt, connections, present, removal } = this.store.historyAt(slot)
    this.store.write(slot, tenant, { addedAt, connections, updatedAt, removal, present })
  }

  private removeAt(slot: number, at: number, cause: RemovalCause): void {
    const { addedAt, connections, updatedAt } = this.store.historyAt(slot)
    const removal = { at, cause }
    this.size--
    this.store.write(slot, this.store.tenantAt(slot), {
      addedAt,
      connections,
      updatedAt,
      removal,
      present: false
    })
  }

  /** Puts a tenant that is not present into its old slot, or a new one. */
  private place(slot: number | undefined, tenant: Tenant, history: History): void {
    this.size++
    if (slot === undefined) {
      this.store.append(tenant, history)
      return
    }
    const { addedAt, connections, present, updatedAt } = history
    const { removal } = this.store.historyAt(slot)
    this.store.write(slot, tenant, { addedAt, connections, updatedAt, removal, present })
  }
}

const arrival = (addedAt: number): History => ({
  addedAt,
  connections: undefined,
  updatedAt: undefined,
  removal: undefined,
  present: true
})

const copyOf = (table: TenantTable): TenantStore => {
  const { layout } = table.store
  const store = new TenantStore(new Map(), [], [], layout)
  for (let slot = 0; slot < table.length; slot++) {
    store.append(table.tenantAt(slot), table.historyAt(slot))
  }
  return store
}

/** Leaves out those who left before the last time; see the head of `tenantTable`. */
const laidOutAnew = (old: TenantStore, size: number, since: number): TenantStore => {
  const tenants: Array<Tenant> = []
  const histories: Array<History> = []
  const slots = new Map<TenantId, number>()
  for (let slot = 0; slot < old.length; slot++) {
    const history = old.historyAt(slot)
    if (!history.present && (history.removal?.at ?? 0) <= old.layout.since) continue
    const tenant = old.tenantAt(slot)
    slots.set(tenant.id, tenants.length)
    tenants.push(tenant)
    histories.push(history)
  }
  return new TenantStore(slots, tenants, histories, { since, departed: tenants.length - size })
}

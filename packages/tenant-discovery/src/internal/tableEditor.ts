/**
 * Writes the next table: takes any number of changes and copies each leaf at
 * most once. The table it began with stays as it was.
 */
import type { Tenant, TenantId } from "../Tenant.js"
import type { RemovalCause } from "../TenantChange.js"
import type { ConnectionsReason } from "../TenantEvent.js"
import { type History, type Layout, TenantTable } from "./tenantTable.js"
import { emptyVector, VectorEditor } from "./vector.js"

/** Below this many departed tenants a new layout is not worth its cost. */
const FEW = 64

export class TableEditor {
  private layout: Layout
  private readonly tenants: VectorEditor<Tenant>
  private readonly histories: VectorEditor<History>
  private length: number
  private size: number
  private revision: number
  /** Of the list that is being taken over: one history for all that it adds. */
  private listed: History | undefined

  constructor(private readonly base: TenantTable) {
    this.layout = base.layout
    this.tenants = new VectorEditor(base.tenantsBySlot)
    this.histories = new VectorEditor(base.histories)
    this.length = base.length
    this.size = base.size
    this.revision = base.revision
  }

  /** The number of tenants present, with what was changed so far. */
  get count(): number {
    return this.size
  }

  add(id: TenantId, name?: string): void {
    const slot = this.slotOf(id)
    if (slot >= 0 && this.historyAt(slot).present) return
    this.place(slot, { id, name }, this.arrival(++this.revision))
  }

  remove(id: TenantId, cause: RemovalCause): void {
    const slot = this.slotOf(id)
    if (slot >= 0 && this.historyAt(slot).present) this.removeAt(slot, ++this.revision, cause)
  }

  changeConnections(id: TenantId, reason: ConnectionsReason): void {
    this.amend(id, (history, at) => ({ ...history, connections: { at, reason } }))
  }

  /** Without a name the one known stays. */
  update(id: TenantId, name?: string): void {
    this.amend(id, (history, updatedAt) => ({ ...history, updatedAt }), name)
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
    const at = this.revision + 1
    const before = this.length
    const sizeBefore = this.size
    const seen = new Uint8Array(before)
    let found = 0
    for (const tenant of tenants) {
      const slot = this.slotOf(tenant.id)
      if (decided.size > 0 && decided.has(tenant.id)) continue
      if (slot < 0 || !this.historyAt(slot).present) {
        this.place(slot, tenant, (this.listed ??= this.arrival(at)))
        if (slot >= 0) seen[slot] = 1
        this.revision = at
      } else if (slot < before && seen[slot] === 0) {
        seen[slot] = 1
        found++
        this.rename(slot, tenant, at)
      }
    }
    if (found === sizeBefore) return
    const missing = this.missing(seen, before, decided)
    const removed = judge(missing, found + missing.length)
    for (const id of removed) {
      const slot = this.slotOf(id)
      if (slot >= 0) this.removeAt(slot, at, { _tag: "Listing" })
    }
    if (removed.length > 0) this.revision = at
  }

  /** The table with the changes; the very same one where nothing changed. */
  commit(): TenantTable {
    if (this.revision === this.base.revision) return this.base
    const departed = this.length - this.size - this.layout.departed
    const table = this.table()
    return departed > Math.max(FEW, this.size) ? this.layOutAnew(table) : table
  }

  private table(): TenantTable {
    return new TenantTable(
      this.layout,
      this.tenants.commit(),
      this.histories.commit(),
      this.length,
      this.size,
      this.revision
    )
  }

  private arrival(addedAt: number): History {
    return {
      addedAt,
      connections: undefined,
      updatedAt: undefined,
      removal: undefined,
      present: true
    }
  }

  private missing(
    seen: Uint8Array,
    before: number,
    decided: ReadonlySet<TenantId>
  ): ReadonlyArray<TenantId> {
    const missing: Array<TenantId> = []
    for (let slot = 0; slot < before; slot++) {
      if (seen[slot] === 1 || !this.historyAt(slot).present) continue
      const { id } = this.tenantAt(slot)
      if (!decided.has(id)) missing.push(id)
    }
    return missing
  }

  private rename(slot: number, tenant: Tenant, at: number): void {
    // A list without names does not take a name away.
    if (tenant.name === undefined || this.tenantAt(slot).name === tenant.name) return
    this.write(slot, tenant, { ...this.historyAt(slot), updatedAt: at })
    this.revision = at
  }

  private amend(
    id: TenantId,
    change: (history: History, at: number) => History,
    name?: string
  ): void {
    const slot = this.slotOf(id)
    if (slot < 0) return
    const history = this.historyAt(slot)
    if (!history.present) return
    const tenant = name === undefined ? this.tenantAt(slot) : { id, name }
    this.write(slot, tenant, change(history, ++this.revision))
  }

  private removeAt(slot: number, at: number, cause: RemovalCause): void {
    const removed: History = { ...this.historyAt(slot), present: false, removal: { at, cause } }
    this.write(slot, this.tenantAt(slot), removed)
    this.size--
  }

  /** Puts a tenant that is not present into its old slot, or a new one. */
  private place(slot: number, tenant: Tenant, history: History): void {
    this.size++
    if (slot >= 0) {
      const { removal } = this.historyAt(slot)
      this.write(slot, tenant, { ...history, removal })
      return
    }
    if (this.length === 0 || this.layout.slots.size !== this.length) this.fork()
    const next = this.length++
    this.layout.slots.set(tenant.id, next)
    this.write(next, tenant, history)
  }

  /** The index has grown beyond this table, by a later one: go on with one of our own. */
  private fork(): void {
    const slots = new Map<TenantId, number>()
    for (let slot = 0; slot < this.length; slot++) slots.set(this.tenantAt(slot).id, slot)
    this.layout = { ...this.layout, slots }
  }

  /** Leaves out those who left before the last time; see the head of `tenantTable`. */
  private layOutAnew(table: TenantTable): TenantTable {
    const slots = new Map<TenantId, number>()
    const tenants = new VectorEditor<Tenant>(emptyVector())
    const histories = new VectorEditor<History>(emptyVector())
    for (let slot = 0; slot < table.length; slot++) {
      const history = this.historyAt(slot)
      const removedAt = history.removal?.at ?? 0
      if (!history.present && removedAt <= this.layout.since) continue
      const to = slots.size
      const tenant = this.tenantAt(slot)
      tenants.set(to, tenant)
      histories.set(to, history)
      slots.set(tenant.id, to)
    }
    return new TenantTable(
      { slots, since: table.revision, departed: slots.size - table.size },
      tenants.commit(),
      histories.commit(),
      slots.size,
      table.size,
      table.revision
    )
  }

  private slotOf(id: TenantId): number {
    const slot = this.layout.slots.get(id)
    return slot === undefined || slot >= this.length ? -1 : slot
  }

  private tenantAt(slot: number): Tenant {
    const tenant = this.tenants.get(slot)
    if (tenant === undefined) throw new RangeError(`no tenant in slot ${slot} of ${this.length}`)
    return tenant
  }

  private historyAt(slot: number): History {
    const history = this.histories.get(slot)
    if (history === undefined) throw new RangeError(`no history in slot ${slot} of ${this.length}`)
    return history
  }

  private write(slot: number, tenant: Tenant, history: History): void {
    if (this.tenants.get(slot) !== tenant) this.tenants.set(slot, tenant)
    this.histories.set(slot, history)
  }
}

/**
 * What changed from one table to a later one.
 *
 * Within one store only the slots that were written in between are looked at, so the
 * cost follows what changed and not the number of tenants. Else every tenant is.
 */
import type { Tenant } from "../Tenant.js"
import type { TenantChange } from "../TenantChange.js"
import type { History } from "./tenantStore.js"
import type { TenantTable } from "./tenantTable.js"

/** Changes in the order in which they are found; a reader is told in the order of the revisions. */
class Told {
  private readonly changes: Array<TenantChange> = []
  private readonly revisions: Array<number> = []
  private inOrder = true

  push(at: number, change: TenantChange): void {
    if (at < (this.revisions.at(-1) ?? 0)) this.inOrder = false
    this.revisions.push(at)
    this.changes.push(change)
  }

  /** Of one revision as they were found: a removal stays before the return. */
  toArray(): ReadonlyArray<TenantChange> {
    const { changes, revisions } = this
    if (this.inOrder) return changes
    const order = revisions
      .map((_, i) => i)
      .sort((a, b) => (revisions[a] ?? 0) - (revisions[b] ?? 0))
    return order.flatMap((i) => changes[i] ?? [])
  }
}

/** What a reader that saw `before` is told of a tenant that now is `after`. */
const compare = (
  told: Told,
  tenantBefore: Tenant | undefined,
  before: History | undefined,
  tenant: Tenant | undefined,
  after: History | undefined
): void => {
  if (before === after) return
  const was = before?.present === true
  const is = after?.present === true
  if (was && tenantBefore !== undefined && (!is || before.addedAt !== after.addedAt)) {
    told.push(after?.removedAt ?? 0, {
      _tag: "Removed",
      tenant: tenantBefore,
      cause: after?.cause ?? { _tag: "Forgotten" }
    })
  }
  if (!is || tenant === undefined) return
  if (!was || before.addedAt !== after.addedAt) {
    told.push(after.addedAt, { _tag: "Added", tenant })
    return
  }
  if (after.updatedAt !== before.updatedAt && after.updatedAt > 0) {
    told.push(after.updatedAt, { _tag: "Updated", tenant })
  }
  const { connectionsAt: at, reason } = after
  if (at !== before.connectionsAt && reason !== undefined) {
    told.push(at, { _tag: "ConnectionsChanged", tenant, reason })
  }
}

const compareSlot = (told: Told, a: TenantTable, b: TenantTable, slot: number): void => {
  if (slot >= a.length) compare(told, undefined, undefined, b.tenantAt(slot), b.historyAt(slot))
  else compare(told, a.tenantAt(slot), a.historyAt(slot), b.tenantAt(slot), b.historyAt(slot))
}

/** Both of one store: only what was written since the older one can differ. */
const compareWritten = (told: Told, a: TenantTable, b: TenantTable): void => {
  for (const slot of a.writtenSince()) compareSlot(told, a, b, slot)
  for (let slot = a.length; slot < b.length; slot++) compareSlot(told, a, b, slot)
}

/** Of two stores, the later one a copy that went on: each tenant has one slot in both. */
const compareSlots = (told: Told, a: TenantTable, b: TenantTable): void => {
  for (let slot = 0; slot < b.length; slot++) compareSlot(told, a, b, slot)
}

const compareTenants = (told: Told, a: TenantTable, b: TenantTable): void => {
  a.forEach((tenant, history) => {
    const slot = b.slotOf(tenant.id)
    if (slot < 0) compare(told, tenant, history, undefined, undefined)
    else compare(told, tenant, history, b.tenantAt(slot), b.historyAt(slot))
  })
  b.forEach((tenant, history) => {
    if (!a.has(tenant.id)) compare(told, undefined, undefined, tenant, history)
  })
}

/** Readers that keep up all ask for the same difference: it is looked for once. */
export const diffTables = (a: TenantTable, b: TenantTable): ReadonlyArray<TenantChange> => {
  if (a === b) return []
  const { index } = a.store
  const last = b.lastDiff
  if (last?.index === index && last.revision === a.revision) return last.changes
  const changes = Object.freeze(differences(a, b))
  b.lastDiff = { index, revision: a.revision, changes }
  return changes
}

const differences = (a: TenantTable, b: TenantTable): ReadonlyArray<TenantChange> => {
  const told = new Told()
  const follows = a.store.index === b.store.index && a.revision <= b.revision
  if (follows && a.store === b.store) compareWritten(told, a, b)
  else if (follows) compareSlots(told, a, b)
  else compareTenants(told, a, b)
  // Slots are in the order of arrival.
  return told.toArray()
}

/**
 * What changed from one table to a later one.
 *
 * Only what was written in between is looked at, so the cost follows what changed and not
 * the number of tenants. Of tables that are further apart than a store and the one that went
 * on from it, every tenant is.
 */
import type { Tenant, TenantId } from "../Tenant.js"
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

const compareTenant = (told: Told, a: TenantTable, b: TenantTable, id: TenantId): void => {
  const [from, to] = [a.slotOf(id), b.slotOf(id)]
  compare(
    told,
    from < 0 ? undefined : a.tenantAt(from),
    from < 0 ? undefined : a.historyAt(from),
    to < 0 ? undefined : b.tenantAt(to),
    to < 0 ? undefined : b.historyAt(to)
  )
}

/** Of any two stores. */
const compareTenants = (told: Told, a: TenantTable, b: TenantTable): void => {
  a.forEach(({ id }) => compareTenant(told, a, b, id))
  b.forEach(({ id }) => {
    if (!a.has(id)) compareTenant(told, a, b, id)
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
  const follows = a.revision <= b.revision
  const touched = follows ? a.touchedUntil(b) : undefined
  if (follows && a.store === b.store) compareWritten(told, a, b)
  else if (touched === undefined) compareTenants(told, a, b)
  else for (const id of touched) compareTenant(told, a, b, id)
  return told.toArray()
}

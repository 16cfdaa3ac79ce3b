/**
 * What changed from one table to a later one.
 *
 * In one layout, leaves that both share are skipped, so the cost follows what
 * changed and not the number of tenants. Across layouts every tenant is looked at.
 */
import type { Tenant } from "../Tenant.js"
import type { TenantChange } from "../TenantChange.js"
import type { History, TenantTable } from "./tenantTable.js"

interface Dated {
  readonly at: number
  readonly change: TenantChange
}

/** What a reader that saw `before` is told of a tenant that now is `after`. */
const compare = (
  told: Array<Dated>,
  tenantBefore: Tenant | undefined,
  before: History | undefined,
  tenant: Tenant | undefined,
  after: History | undefined
): void => {
  if (before === after) return
  const was = before?.present === true
  const is = after?.present === true
  if (was && tenantBefore !== undefined && (!is || before.addedAt !== after.addedAt)) {
    told.push({
      at: after?.removal?.at ?? 0,
      change: {
        _tag: "Removed",
        tenant: tenantBefore,
        cause: after?.removal?.cause ?? { _tag: "Forgotten" }
      }
    })
  }
  if (!is || tenant === undefined) return
  if (!was || before.addedAt !== after.addedAt) {
    told.push({ at: after.addedAt, change: { _tag: "Added", tenant } })
    return
  }
  if (after.updatedAt !== undefined && after.updatedAt !== before.updatedAt) {
    told.push({ at: after.updatedAt, change: { _tag: "Updated", tenant } })
  }
  if (after.connections !== undefined && after.connections.at !== before.connections?.at) {
    const { at, reason } = after.connections
    told.push({ at, change: { _tag: "ConnectionsChanged", tenant, reason } })
  }
}

const compareSlots = (told: Array<Dated>, a: TenantTable, b: TenantTable): void => {
  a.histories.forEachChanged(b.histories, (slot) => {
    compare(told, a.tenantAt(slot), a.historyAt(slot), b.tenantAt(slot), b.historyAt(slot))
  })
}

const compareTenants = (told: Array<Dated>, a: TenantTable, b: TenantTable): void => {
  a.forEach((tenant, history) => {
    const slot = b.slotOf(tenant.id)
    compare(told, tenant, history, b.tenantAt(slot), b.historyAt(slot))
  })
  b.forEach((tenant, history) => {
    if (!a.has(tenant.id)) compare(told, undefined, undefined, tenant, history)
  })
}

export const diffTables = (a: TenantTable, b: TenantTable): ReadonlyArray<TenantChange> => {
  if (a === b) return []
  const told: Array<Dated> = []
  // A fork shares the slots but not the index: what lies beyond its start may differ.
  if (a.layout.slots === b.layout.slots && a.length <= b.length) compareSlots(told, a, b)
  else compareTenants(told, a, b)
  // Slots are in the order of arrival; a reader is told in the order of the changes.
  // The sort is stable: a removal stays before the return of the same revision.
  told.sort((x, y) => x.at - y.at)
  return told.map(({ change }) => change)
}

/** An immutable collection of tenants: one array, sorted by ID, each ID once. */
import type { Tenant, TenantId } from "../../Tenant.js"

export type Tenants = ReadonlyArray<Tenant>

const compare = (a: Tenant, b: Tenant): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)

/** The collection of `tenants` in any order. Of an ID that occurs twice, the first counts. */
export const fromArray = (tenants: ReadonlyArray<Tenant>): Tenants => {
  // The sort is stable: the first of an ID stays the first.
  const sorted = tenants.slice().sort(compare)
  return sorted.filter((tenant, at) => at === 0 || sorted[at - 1]?.id !== tenant.id)
}

/** The tenant with this ID. A binary search. */
export const find = (tenants: Tenants, id: TenantId): Tenant | undefined => {
  let low = 0
  let high = tenants.length - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    const tenant = tenants[middle]
    if (tenant === undefined || tenant.id === id) return tenant
    if (tenant.id < id) low = middle + 1
    else high = middle - 1
  }
  return undefined
}

/** The collection with `edits` made: a tenant to put in, `undefined` to take out. One copy. */
export const edited = (
  tenants: Tenants,
  edits: ReadonlyMap<TenantId, Tenant | undefined>
): Tenants => {
  const ids = [...edits.keys()].sort()
  const result: Array<Tenant> = []
  let at = 0
  for (const tenant of tenants) {
    for (let id = ids[at]; id !== undefined && id <= tenant.id; id = ids[++at]) {
      const put = edits.get(id)
      if (put !== undefined) result.push(put)
    }
    if (ids[at - 1] !== tenant.id) result.push(tenant)
  }
  for (const id of ids.slice(at)) {
    const put = edits.get(id)
    if (put !== undefined) result.push(put)
  }
  return result
}

/** Walks two collections at once, in the order of the IDs. */
export const merge = (
  left: Tenants,
  right: Tenants,
  visit: (left: Tenant | undefined, right: Tenant | undefined) => void
): void => {
  let i = 0
  let j = 0
  while (i < left.length || j < right.length) {
    const a = left[i]
    const b = right[j]
    const order = a === undefined ? 1 : b === undefined ? -1 : compare(a, b)
    visit(order <= 0 ? a : undefined, order >= 0 ? b : undefined)
    if (order <= 0) i++
    if (order >= 0) j++
  }
}

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

/** The index of the first tenant whose ID is not less than `id`. A binary search. */
const position = (tenants: Tenants, id: TenantId): number => {
  let low = 0
  let high = tenants.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const found = tenants[middle]
    if (found !== undefined && found.id < id) low = middle + 1
    else high = middle
  }
  return low
}

/** The tenant with this ID. */
export const find = (tenants: Tenants, id: TenantId): Tenant | undefined => {
  const found = tenants[position(tenants, id)]
  return found?.id === id ? found : undefined
}

/** The tenants with `edits` made: a tenant to put in, `undefined` to take out. One copy. */
export const edited = (
  tenants: Tenants,
  edits: ReadonlyMap<TenantId, Tenant | undefined>
): Tenants => {
  if (edits.size === 0) return tenants
  const copy = [...tenants]
  for (const [id, put] of edits) {
    const at = position(copy, id)
    copy.splice(at, copy[at]?.id === id ? 1 : 0, ...(put === undefined ? [] : [put]))
  }
  return copy
}

/** The IDs of a collection, in its order. Made at the first call. */
export const lazyIds = (tenants: Tenants): (() => ReadonlyArray<TenantId>) => {
  let ids: ReadonlyArray<TenantId> | undefined
  return () => (ids ??= Object.freeze(tenants.map(({ id }) => id)))
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

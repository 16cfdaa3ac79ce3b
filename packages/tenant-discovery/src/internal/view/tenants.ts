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

/** The IDs of a collection, in its order. */
export const idsOf = (tenants: Tenants): ReadonlyArray<TenantId> => tenants.map(({ id }) => id)

/** One edit by its place: how many items it removes there, and the tenant that it puts in. */
interface Place {
  readonly at: number
  readonly removed: number
  readonly put: Tenant | undefined
}

/** The maximum number of edits that are made one by one, in place. More are made in one pass. */
const FEW = 16
/** A call takes at most about 100 000 arguments. */
const MAX_ARGUMENTS = 10_000

const placed = <A>(
  items: ReadonlyArray<A>,
  places: ReadonlyArray<Place>,
  itemOf: (tenant: Tenant) => A
): ReadonlyArray<A> => {
  // Slices of a frozen array are ten times slower than a copy and slices of it.
  const copy = [...items]
  const itemsOf = ({ put }: Place): ReadonlyArray<A> => (put === undefined ? [] : [itemOf(put)])
  if (places.length <= FEW) {
    for (const place of places.toReversed()) {
      copy.splice(place.at, place.removed, ...itemsOf(place))
    }
    return copy
  }
  let from = 0
  const parts = places.flatMap((place) => {
    const before = copy.slice(from, place.at)
    from = place.at + place.removed
    return [before, itemsOf(place)]
  })
  parts.push(copy.slice(from))
  // `concat` is twenty times faster than `flat`.
  return parts.length > MAX_ARGUMENTS ? parts.flat() : new Array<A>().concat(...parts)
}

/** Tenants and their IDs with `edits` made: a tenant to put in, `undefined` to take out. */
export const edited = (
  { ids, tenants }: { readonly ids: ReadonlyArray<TenantId>; readonly tenants: Tenants },
  edits: ReadonlyMap<TenantId, Tenant | undefined>
): { readonly ids: ReadonlyArray<TenantId>; readonly tenants: Tenants } => {
  if (edits.size === 0) return { ids, tenants }
  const places = [...edits.keys()].sort().map((id): Place => {
    const at = position(tenants, id)
    return { at, removed: ids[at] === id ? 1 : 0, put: edits.get(id) }
  })
  return {
    ids: placed(ids, places, ({ id }) => id),
    tenants: placed(tenants, places, (tenant) => tenant)
  }
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

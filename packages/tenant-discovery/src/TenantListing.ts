/** The tenant manager's list of tenants, as one answer gave it. */
import type { Tenant } from "./Tenant.js"

/** An element of a list that could not be read. */
export interface SkippedElement {
  /** Its position in the list, from 0. */
  readonly index: number
  /** What was expected. It never repeats the element's values. */
  readonly reason: string
}

export interface TenantListing {
  /** The active tenants, with canonical IDs, in the answer's order. Of a repeated ID the first counts. */
  readonly tenants: ReadonlyArray<Tenant>
  /** The number of elements that are null, no object, or have an invalid ID. */
  readonly skipped: number
  /** The first skipped element; `undefined` when `skipped` is 0. */
  readonly firstSkipped: SkippedElement | undefined
  /**
   * The number of elements with another status than `active`, by status as received. At most 16
   * statuses are counted separately. Others, and a status that is not one word of at most 32
   * letters, count as `other`.
   */
  readonly inactive: ReadonlyMap<string, number>
  /**
   * Whether a tenant's absence means that it is not active. `false` when elements were skipped, or
   * when no tenant is active and one element has a status that is not a known inactive one. Such
   * a list may add tenants and must remove none.
   */
  readonly complete: boolean
}

/** A complete list of these tenants, for test doubles and other implementations. */
const of = (tenants: ReadonlyArray<Tenant>): TenantListing => ({
  tenants,
  skipped: 0,
  firstSkipped: undefined,
  inactive: new Map(),
  complete: true
})

export const TenantListing = { of } as const

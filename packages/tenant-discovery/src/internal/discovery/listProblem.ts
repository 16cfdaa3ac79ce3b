/** What keeps a list from being taken as the whole truth. */
import type { TenantListing } from "../../TenantManager.js"

export interface ListProblem {
  /** Lists in a row with a problem of the same kind are logged once. */
  readonly kind: "Unreadable" | "Filtered"
  /** The list adds tenants and removes none. */
  readonly removesNone: boolean
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** Statuses of the contract under which a tenant is known to be inactive. */
const INACTIVE: ReadonlySet<string> = new Set([
  "inactive",
  "suspended",
  "deleted",
  "purged",
  "disabled",
  "pending",
  "provisioning"
])

/** The problem of a list, if it has one. */
export const problemOf = (listing: TenantListing): ListProblem | undefined => {
  const { firstSkipped, inactive, skipped, tenants } = listing
  if (skipped > 0) {
    const first =
      firstSkipped === undefined ? "" : `: [${firstSkipped.index}] ${firstSkipped.reason}`
    return {
      kind: "Unreadable",
      removesNone: true,
      message: `the list has ${skipped} unreadable elements${first}; it removes no tenant`,
      fields: { skipped, first_index: firstSkipped?.index }
    }
  }
  if (tenants.length > 0 || inactive.size === 0) return undefined
  const statuses = [...inactive.keys()]
  const removesNone = !statuses.every((status) => INACTIVE.has(status.toLowerCase()))
  return {
    kind: "Filtered",
    removesNone,
    message: `every element of the list is inactive by its status (${statuses.join(", ")})${
      removesNone ? "; at least one status is unknown, so the list removes no tenant" : ""
    }`,
    fields: { statuses: statuses.join(" ") }
  }
}

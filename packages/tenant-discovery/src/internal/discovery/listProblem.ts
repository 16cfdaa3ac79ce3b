/** Why a list may not show which tenants are active. */
import type { TenantListing } from "../../TenantListing.js"

export interface ListProblem {
  /** Lists in a row with a problem of the same kind are logged once. */
  readonly kind: "Unreadable" | "Filtered" | "Incomplete"
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** The problem of a list, if it has one. */
export const problemOf = (listing: TenantListing): ListProblem | undefined => {
  const { complete, firstSkipped, inactive, skipped, tenants } = listing
  const consequence = complete ? "" : "; the list removes no tenant"
  if (firstSkipped !== undefined) {
    const { index, reason } = firstSkipped
    return {
      kind: "Unreadable",
      message: `the list has ${skipped} unreadable elements: [${index}] ${reason}${consequence}`,
      fields: { skipped, first_index: index }
    }
  }
  if (tenants.length === 0 && inactive.size > 0) {
    const statuses = [...inactive.keys()].join(", ")
    return {
      kind: "Filtered",
      message: `every element of the list is inactive by its status (${statuses})${consequence}`,
      fields: { statuses }
    }
  }
  if (complete) return undefined
  return { kind: "Incomplete", message: `the list is incomplete${consequence}`, fields: {} }
}

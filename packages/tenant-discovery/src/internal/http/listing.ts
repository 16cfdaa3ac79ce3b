/**
 * The body of `GET /tenants/active`. {@link Element} declares one element. {@link decodeListing}
 * is written by hand, since a schema on each of 100 000 elements takes three times as long as
 * everything else; a property test compares the two.
 */
import { Either, Schema } from "effect"
import { type Tenant, TenantId } from "../../Tenant.js"
import type { SkippedElement, TenantListing } from "../../TenantListing.js"

/** A name that is no string counts as absent: only the ID decides whether an element is readable. */
const Name = Schema.transform(Schema.Unknown, Schema.UndefinedOr(Schema.String), {
  strict: true,
  decode: (name) => (typeof name === "string" ? name : undefined),
  encode: (name) => name
})

/** The contract of one element. Other fields are ignored. */
export const Element = Schema.Struct({
  id: TenantId.schema,
  name: Schema.optional(Name),
  status: Schema.optional(Schema.Unknown)
})

/** Absent, null and empty count as active. */
export const isActiveStatus = (status: unknown): boolean =>
  status === "active" || status === undefined || status === null || status === ""

const KNOWN_INACTIVE = new Set([
  "inactive",
  "suspended",
  "deleted",
  "purged",
  "disabled",
  "pending",
  "provisioning"
])
/** No digits: a key or a password in the place of a status must not reach a log. */
const STATUS_WORD = /^[A-Za-z][A-Za-z_ -]{0,31}$/
const MAX_STATUSES = 16
const OTHER = "other"

/** Adds one to the status's count. */
const countStatus = (counts: Map<string, number>, status: unknown): void => {
  const isShown =
    typeof status === "string" &&
    (counts.has(status) || (counts.size < MAX_STATUSES && STATUS_WORD.test(status)))
  const key = isShown ? status : OTHER
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

const describe = (value: unknown): string => {
  if (value === null) return "null"
  return Array.isArray(value) ? "an array" : value === undefined ? "nothing" : typeof value
}

/** Parsed JSON of which nothing is known yet. */
type Raw = { readonly id?: unknown; readonly name?: unknown; readonly status?: unknown } | null

const skipReason = (element: Raw): string => {
  if (typeof element?.id === "string") {
    return "id: expected 1 to 256 letters, digits, - and _, or a UUID"
  }
  return typeof element === "object" && element !== null
    ? `id: expected a string, got ${describe(element.id)}`
    : `expected an object, got ${describe(element)}`
}

/**
 * The list in a parsed body: an array, or `null` for the empty list. Fails with what was expected
 * where it is neither, or where it has elements and none of them is readable.
 */
export const decodeListing = (body: unknown): Either.Either<TenantListing, string> => {
  if (body !== null && !Array.isArray(body)) {
    return Either.left(`expected an array of tenants or null, got ${describe(body)}`)
  }
  const elements: ReadonlyArray<Raw> = body ?? []
  const tenants: Array<Tenant> = []
  const inactive = new Map<string, number>()
  let skipped = 0
  let firstSkipped: SkippedElement | undefined
  elements.forEach((element, index) => {
    const id = typeof element?.id === "string" ? TenantId.canonical(element.id) : undefined
    if (id === undefined) {
      skipped++
      firstSkipped ??= { index, reason: skipReason(element) }
      return
    }
    if (!isActiveStatus(element?.status)) return countStatus(inactive, element?.status)
    const name = element?.name
    tenants.push({ id, name: typeof name === "string" ? name : undefined })
  })
  if (firstSkipped !== undefined && skipped === elements.length) {
    const { index, reason } = firstSkipped
    return Either.left(`none of the ${skipped} elements is readable: [${index}] ${reason}`)
  }
  const allKnown = [...inactive.keys()].every((status) => KNOWN_INACTIVE.has(status.toLowerCase()))
  const complete = skipped === 0 && (tenants.length > 0 || allKnown)
  return Either.right({ tenants, skipped, firstSkipped, inactive, complete })
}

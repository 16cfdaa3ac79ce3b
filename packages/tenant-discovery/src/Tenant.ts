/**
 * Tenants and their IDs.
 */
import { Brand, Either, Schema } from "effect"

/**
 * A tenant's ID in its canonical form: 1 to 256 characters of
 * `^[a-zA-Z0-9][a-zA-Z0-9_-]*$`, and a UUID always as its 32 lower-case
 * hexadecimal digits. Two spellings of one tenant are therefore one `TenantId`.
 *
 * The only ways to one are {@link TenantId.parse} and its relatives here: all
 * of them go through the same canonicalisation.
 */
export type TenantId = string & Brand.Brand<"tenant-discovery/TenantId">

/** What is known of a tenant. Compare tenants by `id`. */
export interface Tenant {
  readonly id: TenantId
  /** The display name, when the tenant manager's list gave one. */
  readonly name: string | undefined
}

const MAX_LENGTH = 256
const VALID = /^[a-zA-Z0-9][a-zA-Z0-9_-]*$/
const DASHED = /^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/
const HEX_DIGITS = 32
const DASHED_LENGTH = 36

const brand = Brand.nominal<TenantId>()

/** What a character may be part of, in bits. */
const IN_ID = 1
const LOWER_HEX = 2
const HEX = 4

const kinds = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code)
  return (
    (/[a-zA-Z0-9_-]/.test(character) ? IN_ID : 0) |
    (/[0-9a-f]/.test(character) ? LOWER_HEX : 0) |
    (/[0-9a-fA-F]/.test(character) ? HEX : 0)
  )
})

/** What all characters of `input` may be part of. A third of the time of an expression a kind. */
const kindOf = (input: string): number => {
  let kind = IN_ID | LOWER_HEX | HEX
  for (let i = 0; i < input.length; i++) kind &= kinds[input.charCodeAt(i)] ?? 0
  return kind
}

const DASH = "-".charCodeAt(0)
const UNDERSCORE = "_".charCodeAt(0)

/**
 * The canonical form of `input`, or `undefined` where it is no valid ID.
 * The one entrance: everything else here is a wrapper of it.
 */
const canonical = (input: string): TenantId | undefined => {
  const { length } = input
  if (length === 0 || length > MAX_LENGTH) return undefined
  const kind = kindOf(input)
  if ((kind & IN_ID) === 0) return undefined
  // Only these two lengths can be a UUID.
  if (length === HEX_DIGITS && (kind & HEX) !== 0) {
    return brand((kind & LOWER_HEX) === 0 ? input.toLowerCase() : input)
  }
  if (length === DASHED_LENGTH && DASHED.test(input)) {
    // Cutting the dashes out at their places takes a third of the time of a replacement.
    const digits =
      input.slice(0, 8) +
      input.slice(9, 13) +
      input.slice(14, 18) +
      input.slice(19, 23) +
      input.slice(24)
    return brand(digits.toLowerCase())
  }
  const first = input.charCodeAt(0)
  return first === DASH || first === UNDERSCORE ? undefined : brand(input)
}

const invalid = (input: string): string =>
  `expected 1 to ${MAX_LENGTH} characters of ${VALID.source}, or a UUID; got ${JSON.stringify(
    input.length > 80 ? `${input.slice(0, 80)}...` : input
  )}`

/** The canonical ID, or a sentence that says what was wrong. */
const parse = (input: string): Either.Either<TenantId, string> => {
  const id = canonical(input)
  return id === undefined ? Either.left(invalid(input)) : Either.right(id)
}

/**
 * The canonical ID.
 *
 * @throws RangeError where the input is no valid ID; for IDs written in the program.
 */
const make = (input: string): TenantId => {
  const id = canonical(input)
  if (id === undefined) throw new RangeError(`not a tenant ID: ${invalid(input)}`)
  return id
}

const isCanonical = (input: unknown): input is TenantId =>
  typeof input === "string" && canonical(input) === input

const fromSelf: Schema.Schema<TenantId> = Schema.declare(isCanonical, {
  identifier: "TenantId",
  description: "a canonical tenant ID"
})

/** Decodes any valid spelling to the canonical one. */
const schema: Schema.Schema<TenantId, string> = Schema.String.pipe(
  Schema.filter((input) => canonical(input) !== undefined || invalid(input)),
  Schema.transform(fromSelf, { strict: true, decode: make, encode: (id) => id })
)

export const TenantId = { canonical, make, parse, isCanonical, schema } as const

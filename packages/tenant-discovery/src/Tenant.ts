/**
 * Tenants and their IDs.
 */
import { Brand, Either, ParseResult, Schema } from "effect"

/**
 * A tenant's ID in its canonical form: 1 to 256 characters of
 * `^[a-zA-Z0-9][a-zA-Z0-9_-]*$`; a UUID is always its 32 lower-case hexadecimal
 * digits. Two spellings of one tenant are therefore one `TenantId`.
 *
 * Every `TenantId` comes from {@link TenantId.parse}, `make`, `canonical` or `schema`,
 * which all canonicalise in the same way.
 */
export type TenantId = string & Brand.Brand<"tenant-discovery/TenantId">

/** What is known of a tenant. Compare tenants by `id`. */
export interface Tenant {
  readonly id: TenantId
  /** The display name, if the tenant manager's list has one. */
  readonly name: string | undefined
}

const MAX_LENGTH = 256
const VALID = /^[a-zA-Z0-9][a-zA-Z0-9_-]*$/
const UUID_DIGITS = /^[0-9a-fA-F]{32}$/
const UUID_DASHED = /^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/

const brand = Brand.nominal<TenantId>()

/** The canonical form of `input`, or `undefined` if it is not a valid ID. */
const canonical = (input: string): TenantId | undefined => {
  if (input.length > MAX_LENGTH || !VALID.test(input)) return undefined
  if (input.length === 32 && UUID_DIGITS.test(input)) return brand(input.toLowerCase())
  if (input.length === 36 && UUID_DASHED.test(input)) {
    return brand(input.replaceAll("-", "").toLowerCase())
  }
  return brand(input)
}

const invalid = (input: string): string =>
  `expected 1 to ${MAX_LENGTH} characters of ${VALID.source}, or a UUID; got ${JSON.stringify(
    input.length > 80 ? `${input.slice(0, 80)}...` : input
  )}`

/** The canonical ID, or a sentence that says what is wrong. */
const parse = (input: string): Either.Either<TenantId, string> => {
  const id = canonical(input)
  return id === undefined ? Either.left(invalid(input)) : Either.right(id)
}

/**
 * The canonical ID, for IDs that are written in the program.
 *
 * @throws RangeError if the input is not a valid ID.
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
const schema: Schema.Schema<TenantId, string> = Schema.transformOrFail(Schema.String, fromSelf, {
  strict: true,
  decode: (input, _, ast) =>
    Either.mapLeft(parse(input), (message) => new ParseResult.Type(ast, input, message)),
  encode: (id) => ParseResult.succeed(id)
})

/** The functions that make a {@link TenantId}. */
export const TenantId = { canonical, make, parse, isCanonical, schema } as const

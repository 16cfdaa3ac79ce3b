/**
 * Options of layers: decoded once, at construction, by a schema. A bad one throws a
 * `RangeError` that names the option, what was expected and the value.
 */
import { Duration, Either, ParseResult, Schema } from "effect"

const MAX_SHOWN = 80

const show = (value: unknown): string => {
  if (Duration.isDuration(value)) return Duration.format(value)
  const text = typeof value === "string" ? JSON.stringify(value) : String(value)
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text
}

/** What `read` makes of an option, or what it says was expected. */
const reading = <A, I>(
  to: Schema.Schema<A, I>,
  read: (input: unknown) => Either.Either<I, string>,
  visibility: "shown" | "hidden" = "shown"
) =>
  Schema.transformOrFail(Schema.Unknown, to, {
    strict: true,
    decode: (input, _, ast) =>
      Either.mapLeft(read(input), (expected) => {
        const got = visibility === "shown" ? `, got ${show(input)}` : ""
        return new ParseResult.Type(ast, input, `expected ${expected}${got}`)
      }),
    encode: (value) => ParseResult.succeed(value)
  })

/** `Duration.decode` takes what is negative or not a number as zero. */
const millisOf = (input: unknown): number | undefined => {
  const sign =
    typeof input === "string" ? Number.parseFloat(input) : Array.isArray(input) ? input[0] : input
  if (typeof sign === "number" && !(sign >= 0)) return undefined
  if (typeof sign === "bigint" && sign < 0n) return undefined
  const decoded = Duration.decodeUnknown(input)
  return decoded._tag === "Some" ? Duration.toMillis(decoded.value) : undefined
}

/** A `DurationInput`, decoded to milliseconds. Zero and infinity are refused unless allowed. */
export const duration = (allow: { readonly zero?: true; readonly infinity?: true } = {}) => {
  const bound = allow.zero === true ? "of 0 or more" : "greater than 0"
  const expected = `a duration ${bound}${allow.infinity === true ? "" : " and finite"}`
  return reading(Schema.Number, (input) => {
    const millis = millisOf(input)
    return millis === undefined ||
      (millis === 0 && allow.zero !== true) ||
      (millis === Infinity && allow.infinity !== true)
      ? Either.left(expected)
      : Either.right(millis)
  })
}

const numeric = (expected: string, isValid: (input: number) => boolean) =>
  reading(Schema.Number, (input) =>
    typeof input === "number" && isValid(input) ? Either.right(input) : Either.left(expected)
  )

/** A whole number from `least` on; `Infinity` only where it is allowed. */
export const count = (least: number, allow: { readonly infinity?: true } = {}) =>
  numeric(
    `a whole number of ${least} or more${allow.infinity === true ? ", or Infinity" : ""}`,
    (input) =>
      input >= least &&
      (Number.isSafeInteger(input) || (allow.infinity === true && input === Infinity))
  )

/** A number from 0 to 1. */
export const fraction = numeric("a number from 0 to 1", (input) => input >= 0 && input <= 1)

/** A text with at least one character that is no white space. */
export const name = Schema.String.pipe(
  Schema.filter((input) => input.trim() !== "" || `expected a non-empty text, got ${show(input)}`)
)

/**
 * An option read by the parser of the environment variable with the same meaning. `hidden` keeps
 * a value that may hold a secret out of the error.
 */
export const parsed = <A, I>(
  to: Schema.Schema<A, I>,
  parse: (text: string) => Either.Either<I, string>,
  visibility?: "shown" | "hidden"
) =>
  reading(
    to,
    (input) => {
      const text = input instanceof URL ? input.href : input
      return typeof text === "string" ? parse(text) : Either.left("a text")
    },
    visibility
  )

/** An option that may be left out. */
export const withDefault = <A, I>(schema: Schema.Schema<A, I>, value: A) =>
  Schema.optionalWith(schema, { default: () => value })

/** A `DurationInput` that may be left out, decoded to milliseconds. */
export const durationOr = (value: Duration.Duration, allow?: Parameters<typeof duration>[0]) =>
  withDefault(duration(allow), Duration.toMillis(value))

/**
 * The decoded options.
 *
 * @throws RangeError for a bad one: `TenantWorker.scheduled: option "name": expected ...`.
 */
export const decodeOptions = <A, I>(
  owner: string,
  schema: Schema.Schema<A, I>,
  options: unknown
): A => {
  const decoded = Schema.decodeUnknownEither(schema)(options ?? {})
  if (Either.isRight(decoded)) return decoded.right
  const [issue] = ParseResult.ArrayFormatter.formatErrorSync(decoded.left)
  const path = issue === undefined ? "" : issue.path.map(String).join(".")
  const message = issue?.message ?? "expected valid options"
  throw new RangeError(
    path === "" ? `${owner}: ${message}` : `${owner}: option "${path}": ${message}`
  )
}

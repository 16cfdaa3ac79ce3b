/**
 * The text of one variable to its value. Pure; the left side says what was
 * expected and never repeats the text: what does not parse may be a secret that
 * was put into the wrong variable.
 */
import { Duration, Either, Redacted } from "effect"

/** `text` is not blank. The failure completes the sentence "expected ...". */
export type Parse<A> = (text: string) => Either.Either<A, string>

const TRUE = new Set(["true", "1", "yes", "on"])
const FALSE = new Set(["false", "0", "no", "off"])

export const bool: Parse<boolean> = (text) => {
  const word = text.trim().toLowerCase()
  if (TRUE.has(word)) return Either.right(true)
  if (FALSE.has(word)) return Either.right(false)
  return Either.left("one of true, false, 1, 0, yes, no, on, off (in any case)")
}

export const text: Parse<string> = (text) => Either.right(text.trim())

export const lowerCase: Parse<string> = (text) => Either.right(text.trim().toLowerCase())

/** Kept to the letter: a password may begin or end with a space. */
export const secret: Parse<Redacted.Redacted> = (text) => Either.right(Redacted.make(text))

// Visible ASCII, with spaces and tabs between: a key with anything else is not sent.
const HEADER_VALUE = /^[\x21-\x7e]+(?:[ \t]+[\x21-\x7e]+)*$/

/** A secret that is sent in an HTTP header, where white space around it has no meaning. */
export const headerSecret: Parse<Redacted.Redacted> = (text) => {
  const value = text.trim()
  return HEADER_VALUE.test(value)
    ? Either.right(Redacted.make(value))
    : Either.left("a key that fits into an HTTP header: visible ASCII characters, no line breaks")
}

const DECIMAL = /^\d+(\.\d+)?$/

const decimal = (text: string): number | undefined => {
  const trimmed = text.trim()
  const value = DECIMAL.test(trimmed) ? Number(trimmed) : Number.NaN
  return Number.isFinite(value) ? value : undefined
}

const seconds = (
  accepts: (value: number) => boolean,
  expected: string
): Parse<Duration.Duration> => {
  return (text) => {
    const value = decimal(text)
    return value !== undefined && accepts(value)
      ? Either.right(Duration.seconds(value))
      : Either.left(`${expected}, without a unit, such as 30 or 0.5`)
  }
}

/** Seconds, where zero makes sense. */
export const nonNegativeSeconds = seconds(() => true, "a number of seconds, 0 or more")

/** Seconds, where zero would mean that nothing ever works. */
export const positiveSeconds = seconds((value) => value > 0, "a number of seconds greater than 0")

const COUNT = /^\d+$/

const count = (least: number): Parse<number> => {
  return (text) => {
    const trimmed = text.trim()
    const value = COUNT.test(trimmed) ? Number(trimmed) : Number.NaN
    return Number.isSafeInteger(value) && value >= least
      ? Either.right(value)
      : Either.left(`a whole number, ${least} or more`)
  }
}

export const nonNegativeCount = count(0)
export const positiveCount = count(1)

export const port: Parse<number> = (text) => {
  const trimmed = text.trim()
  const value = COUNT.test(trimmed) ? Number(trimmed) : 0
  return value >= 1 && value <= 65_535
    ? Either.right(value)
    : Either.left("a port: a whole number from 1 to 65535")
}

const PREFIX = /^(\/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+$/

/** The path before `/tenants/...`: `/v1`; a slash is put before it, and one at its end dropped. */
export const apiPrefix: Parse<string> = (text) => {
  const path = text.trim().replace(/^\/+|\/+$/g, "")
  if (path === "") return Either.right("")
  return PREFIX.test(`/${path}`)
    ? Either.right(`/${path}`)
    : Either.left("a URL path such as /v1, or an empty value for none")
}

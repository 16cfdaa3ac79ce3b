/**
 * From a text to a value, for environment variables and for options alike. Pure. The left side
 * completes the sentence "expected ..." and never repeats the text: it may be a secret that was
 * put into the wrong variable.
 */
import { Duration, Either, Redacted } from "effect"

export type Parse<A> = (text: string) => Either.Either<A, string>

const check = <A>(isValid: boolean, value: A, expected: string): Either.Either<A, string> =>
  isValid ? Either.right(value) : Either.left(expected)

const BOOL = /^(?:(true|t|1|yes|on)|false|f|0|no|off)$/i

export const bool: Parse<boolean> = (text) => {
  const word = BOOL.exec(text.trim())
  const expected = "one of true, false, t, f, 1, 0, yes, no, on, off (in any case)"
  return check(word !== null, word?.[1] !== undefined, expected)
}

/** Some env files pass quotes on as part of the value. */
export const isQuoted = (text: string): boolean => {
  const trimmed = text.trim()
  const first = trimmed[0]
  return trimmed.length > 1 && (first === '"' || first === "'") && trimmed.endsWith(first)
}

const NAME = /^[^\s\p{C}]+$/u

/** A name on the wire, trimmed. */
export const name: Parse<string> = (text) => {
  const trimmed = text.trim()
  const expected = "a non-empty name without white space, control characters, or quotes around it"
  return check(NAME.test(trimmed) && !isQuoted(trimmed), trimmed, expected)
}

/** Publishers write the environment in lower case. */
export const environment: Parse<string> = (text) =>
  Either.map(name(text), (trimmed) => trimmed.toLowerCase())

export const text: Parse<string> = (text) => Either.right(text.trim())

/** One line feed at the end is not part of a secret; everything else is kept. */
export const secretOf = (text: string): Redacted.Redacted =>
  Redacted.make(text.replace(/\r?\n$/, ""))

export const secret: Parse<Redacted.Redacted> = (text) => Either.right(secretOf(text))

/** Visible ASCII, with spaces and tabs between: an HTTP client refuses anything else. */
const HEADER_VALUE = /^[\x21-\x7e]+(?:[ \t]+[\x21-\x7e]+)*$/

export const HEADER_SECRET =
  "key that fits into an HTTP header: visible ASCII characters, no line breaks"

/** A secret that is sent in an HTTP header, where white space around it has no meaning. */
export const headerSecret: Parse<Redacted.Redacted> = (text) => {
  const value = text.trim()
  return check(HEADER_VALUE.test(value), Redacted.make(value), `a ${HEADER_SECRET}`)
}

/** The number in a text of this form, otherwise NaN. */
const numberIn = (text: string, form: RegExp): number =>
  form.test(text.trim()) ? Number(text) : Number.NaN

const DECIMAL = /^\d+(\.\d+)?$/

const seconds =
  (accepts: (value: number) => boolean, expected: string): Parse<Duration.Duration> =>
  (text) => {
    const value = numberIn(text, DECIMAL)
    const isValid = Number.isFinite(value) && accepts(value)
    return check(isValid, Duration.seconds(value), `${expected}, without a unit, such as 30 or 0.5`)
  }

export const nonNegativeSeconds = seconds(() => true, "a number of seconds, 0 or more")
export const positiveSeconds = seconds((value) => value > 0, "a number of seconds greater than 0")

const COUNT = /^\d+$/

export const count: Parse<number> = (text) => {
  const value = numberIn(text, COUNT)
  return check(Number.isSafeInteger(value), value, "a whole number, 0 or more")
}

export const port: Parse<number> = (text) => {
  const value = Either.getOrElse(count(text), () => 0)
  return check(value >= 1 && value <= 65_535, value, "a port: a whole number from 1 to 65535")
}

const PREFIX = /^(\/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)*$/

/** The path before `/tenants/...`, such as `/v1`. Slashes around it do not matter. */
export const apiPrefix: Parse<string> = (text) => {
  const inner = text.trim().replace(/^\/+|\/+$/g, "")
  const prefix = inner === "" ? "" : `/${inner}`
  return check(PREFIX.test(prefix), prefix, "a URL path such as /v1, or an empty value for none")
}

const ABSOLUTE = /^https?:\/\/[^/]/i

/** An absolute `http` or `https` URL. */
const absoluteUrl = (text: string): URL | undefined => {
  const trimmed = text.trim()
  return ABSOLUTE.test(trimmed) && URL.canParse(trimmed) ? new URL(trimmed) : undefined
}

/** The tenant manager's base URL, without a slash at the end of its path. */
export const baseUrl: Parse<URL> = (text) => {
  const url = absoluteUrl(text)
  if (url === undefined) {
    return Either.left("an absolute URL such as https://tenant-manager.example")
  }
  if (url.username + url.password !== "") {
    return Either.left("a URL without a user name or password: the API key is given apart from it")
  }
  url.pathname = url.pathname.replace(/\/+$/, "")
  return check(!/[?#]/.test(text), url, "a URL without a query or fragment")
}

/** A proxy's URL. It may hold a password. */
export const proxyUrl: Parse<Redacted.Redacted> = (text) => {
  const url = absoluteUrl(text)
  return url === undefined
    ? Either.left("an http or https URL such as http://proxy.example:3128")
    : Either.right(Redacted.make(url.href))
}

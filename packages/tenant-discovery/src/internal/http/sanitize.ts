/**
 * What may be told about a failed call: never the API key, never an object that
 * leads to one.
 */
import { beginning } from "../beginning.js"

/** What is kept of an underlying error: the platform's errors carry the request, headers and all. */
export interface TransportCause {
  /** The error's class, such as `SocketError`. */
  readonly name: string
  /** Such as `ECONNREFUSED`, where the runtime gave one. */
  readonly code: string | undefined
}

const CODE = /^[A-Z][A-Z0-9_]{1,63}$/
const NAME = /^[A-Za-z][A-Za-z0-9]{0,63}$/
const MAX_DEPTH = 8

const field = (value: object, name: string): unknown => {
  // A getter or a proxy can throw: this runs on whatever a client failed with.
  try {
    return Reflect.get(value, name)
  } catch {
    return undefined
  }
}

/**
 * The name and the code of the outermost error in the chain of causes that has a
 * code; without any, the name of the innermost. Both are matched against what
 * such words look like, so that no text of an error message passes.
 */
export const transportCause = (error: unknown): TransportCause => {
  let name = "Error"
  let current: unknown = error
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    if (typeof current !== "object" || current === null) break
    const currentName = field(current, "name")
    if (typeof currentName === "string" && NAME.test(currentName)) name = currentName
    const code = field(current, "code")
    if (typeof code === "string" && CODE.test(code)) return { name, code }
    current = field(current, "cause")
  }
  return { name, code: undefined }
}

export const describeCause = (cause: TransportCause): string => cause.code ?? cause.name

const REDACTED = "<redacted>"
const EXCERPT_BYTES = 512
const WINDOW = 8 * 1024

/** The spellings in which a body may echo a secret. */
const spellings = (secret: string): ReadonlyArray<string> => [
  secret,
  JSON.stringify(secret).slice(1, -1),
  encodeURIComponent(secret)
]

/** `text` with every spelling of `secret` blotted out. */
export const redact = (text: string, secret: string): string =>
  secret === ""
    ? text
    : spellings(secret).reduce((result, spelling) => result.replaceAll(spelling, REDACTED), text)

/**
 * The longest prefix of `text` of at most `limit` bytes of UTF-8, as a copy: a
 * slice would keep the whole body in memory for as long as the error lives.
 */
const cutBytes = (text: string, limit: number): string => {
  const bytes = new TextEncoder().encode(text.slice(0, limit))
  let end = Math.min(bytes.length, limit)
  // Back to the start of the character that the limit would split.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(0, end))
}

/** A quoted text, closed or cut off, and the colon where it is a key. */
const QUOTED = /"(?:[^"\\]|\\.)*(?:"(\s*:)?|$)/gs

const withoutValues = (text: string): string =>
  text.replace(QUOTED, (quoted: string, colon: string | undefined) =>
    colon === undefined ? '"..."' : quoted
  )

/**
 * At most 512 bytes from the start of a body: its shape, with `"..."` in place of every text
 * that is no key. What is no list may be anything, a tenant's passwords among it.
 *
 * Made when it is asked for, of a start that is kept: most bodies are never shown, and to
 * clean one takes 0.15 ms, a twentieth of a list of a thousand tenants.
 */
export const excerptOf = (body: string, secret: string): (() => string) => {
  const longest = Math.max(...spellings(secret).map((spelling) => spelling.length))
  // A copy: the engine keeps the last text that an expression was matched against, and as a
  // slice that was a whole body, 85 MB of a million tenants.
  const window = beginning(body, WINDOW + longest)
  const isWhole = window.length === body.length
  return () => {
    const clean = withoutValues(redact(window, secret))
    // What is left of a secret that the window's end cut through is not matched: drop it.
    return cutBytes(isWhole ? clean : clean.slice(0, -longest), EXCERPT_BYTES)
  }
}

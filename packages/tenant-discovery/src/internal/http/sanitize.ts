/** What an error may show of a failed call: never the API key, nor an object that leads to it. */
import { Option } from "effect"
import { beginning } from "../beginning.js"

const CODE = /^[A-Z][A-Z0-9_]{1,63}$/
const NAME = /^[A-Za-z][A-Za-z0-9]{0,63}$/
const MAX_DEPTH = 8

/** A getter or a proxy can throw, and a client may fail with any value. */
const field = Option.liftThrowable((value: object, name: string): unknown =>
  Reflect.get(value, name)
)

const matching = (value: object, name: string, pattern: RegExp): string | undefined => {
  const found = Option.getOrUndefined(field(value, name))
  return typeof found === "string" && pattern.test(found) ? found : undefined
}

/**
 * The class (`SocketError`, say) and the code (`ECONNREFUSED`) of the outermost error in the chain
 * of causes that has a code; without any, the class of the innermost. Both must look so, since the
 * platform's errors carry the request with its headers.
 */
export const transportCause = (error: unknown) => {
  let name = "Error"
  let current: unknown = error
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    if (typeof current !== "object" || current === null) break
    name = matching(current, "name", NAME) ?? name
    const code = matching(current, "code", CODE)
    if (code !== undefined) return { name, code }
    current = Option.getOrUndefined(field(current, "cause"))
  }
  return { name, code: undefined }
}

const EXCERPT_BYTES = 512
const WINDOW = 8 * 1024

/** The spellings in which a body may repeat a secret. */
const spellings = (secret: string): ReadonlyArray<string> => [
  secret,
  JSON.stringify(secret).slice(1, -1),
  encodeURIComponent(secret)
]

/** `text` with every spelling of `secret` replaced. */
export const redact = (text: string, secret: string): string =>
  spellings(secret).reduce((result, spelling) => result.replaceAll(spelling, "<redacted>"), text)

/** A quoted text, closed or cut off, and the colon where it is a key. */
const QUOTED = /"(?:[^"\\]|\\.)*(?:"(\s*:)?|$)/gs

/**
 * At most 512 bytes from the start of a body: its shape, with `"..."` in place of every string
 * that is no key, since a body that is no list may hold anything.
 */
export const excerptOf = (body: string, secret: string): string => {
  const longest = Math.max(...spellings(secret).map((spelling) => spelling.length))
  const window = beginning(body, WINDOW + longest)
  const clean = redact(window, secret).replace(QUOTED, (quoted, colon: string | undefined) =>
    colon === undefined ? '"..."' : quoted
  )
  // A secret that the window's end cuts is not found: drop what may be left of it.
  const shown = window.length === body.length ? clean : clean.slice(0, -longest)
  const bytes = new Uint8Array(EXCERPT_BYTES)
  const { written } = new TextEncoder().encodeInto(shown, bytes)
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(0, written))
}

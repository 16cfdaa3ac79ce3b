/** What an error may show of a failed call: never the API key, nor an object that leads to it. */
const CODE = /^[A-Z][A-Z0-9_]{1,63}$/
const NAME = /^[A-Za-z][A-Za-z0-9]{0,63}$/
const MAX_DEPTH = 8

interface Failure {
  readonly name?: unknown
  readonly code?: unknown
  readonly cause?: unknown
}

const isFailure = (error: unknown): error is Failure => typeof error === "object" && error !== null

const matches = (value: unknown, pattern: RegExp): value is string =>
  typeof value === "string" && pattern.test(value)

/**
 * The class (`SocketError`, say) and the code (`ECONNREFUSED`) of the outermost error in the chain
 * of causes that has a code; without any, the class of the innermost. Only a class and a code of the
 * usual form are shown, since the platform's errors carry the request with its headers.
 */
export const transportCause = (error: unknown) => {
  let name = "Error"
  let current = error
  for (let depth = 0; depth < MAX_DEPTH && isFailure(current); depth++) {
    if (matches(current.name, NAME)) name = current.name
    if (matches(current.code, CODE)) return { name, code: current.code }
    current = current.cause
  }
  return { name, code: undefined }
}

const EXCERPT_BYTES = 512

/** A quoted text, closed or cut off, and the colon where it is a key. */
const QUOTED = /"(?:[^"\\]|\\.)*(?:"(\s*:)?|$)/gs

/**
 * At most 512 bytes from the start of a body: its shape, with `"..."` in place of every string
 * that is no key, since a body that is no list may hold anything. Empty where `secret` is in it.
 */
export const excerptOf = (body: string, secret: string): string => {
  const spellings = [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)]
  const longest = Math.max(...spellings.map(({ length }) => length))
  const start = body.slice(0, EXCERPT_BYTES + longest)
  if (spellings.some((spelling) => start.includes(spelling))) return ""
  const shape = start
    .slice(0, EXCERPT_BYTES)
    // Half of a surrogate pair has no UTF-8 encoding.
    .replace(/[\ud800-\udbff]$/, "")
    .replace(QUOTED, (quoted, colon: string | undefined) =>
      colon === undefined ? '"..."' : quoted
    )
  const bytes = new Uint8Array(EXCERPT_BYTES)
  const { written } = new TextEncoder().encodeInto(shape, bytes)
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(0, written))
}

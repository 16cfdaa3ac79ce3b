/**
 * Describes why a connection failed, and which setting to check, without secrets.
 */
import { beginning } from "../beginning.js"

/** How messages name a setting: by the option's name or by the environment variable's. */
export type Naming = "options" | "environment"

/** What is known about the connection when it fails. */
export interface Circumstances {
  readonly channel: string
  /** Whether the connection uses TLS; `undefined` where the program's own client decides. */
  readonly tls: boolean | undefined
  /** Whether the server has acknowledged the subscription. */
  readonly answered: boolean
  /** Removed from every message, whatever the server says. */
  readonly secrets: ReadonlyArray<string>
  readonly naming: Naming
}

const MAX_LENGTH = 300

const hints = {
  options: {
    tlsOn: "if the server expects TLS, set redis.tls",
    tlsOff: "if the server speaks no TLS, leave out redis.tls",
    ca: "check redis.tls.ca and the server's chain",
    host: "check redis.host",
    login: "check redis.username and redis.password",
    sentinels: "check redis.sentinels, redis.name and redis.sentinelPassword"
  },
  environment: {
    tlsOn: "if the server expects TLS, set MULTI_TENANT_REDIS_TLS=true",
    tlsOff: "if the server speaks no TLS, set MULTI_TENANT_REDIS_TLS=false",
    ca: "check MULTI_TENANT_REDIS_CA_CERT and the server's chain",
    host: "check MULTI_TENANT_REDIS_HOST",
    login: "check MULTI_TENANT_REDIS_USERNAME and MULTI_TENANT_REDIS_PASSWORD",
    sentinels:
      "check MULTI_TENANT_REDIS_SENTINELS, MULTI_TENANT_REDIS_SENTINEL_NAME and MULTI_TENANT_REDIS_SENTINEL_PASSWORD"
  }
} as const

const UNTRUSTED = /^(?:SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_(?:VERIFY|GET)_|CERT_SIGNATURE_)/
/** A server that expects TLS answers a plain client with an alert, which is no Redis reply. */
const MISMATCH =
  /^(?:ECONNRESET|EPIPE|EPROTO|ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG):|Protocol error|socket disconnected|socket hang up/i

/** Whether the server refused the credentials, at whatever step of the handshake. */
export const isAuthFailure = (error: unknown): boolean =>
  /^WRONGPASS|invalid password|^ERR AUTH|NOAUTH/i.test(messageOf(error))

/** Whether the server sent this error: a reply starts with a code in capitals, and has no `code`. */
export const isReply = (error: unknown): boolean =>
  codeOf(error) === undefined && /^[A-Z][A-Z0-9_]+( |$)/.test(messageOf(error))

/** Whether the server refused a command for lack of a permission. */
export const isNoPermission = (error: unknown): boolean => /^NOPERM\b/.test(messageOf(error))

/** Whether ioredis says no more than that the connection has closed. */
export const isGeneric = (error: unknown): boolean =>
  error === undefined ||
  error === null ||
  /^Connection is closed|^Stream isn't writeable/.test(messageOf(error))

/** What `error` says, and a hint in parentheses. */
export const failureMessage = (error: unknown, at: Circumstances): string => {
  const hint = hintOf(error, at)
  const text = isGeneric(error) ? "the connection was closed" : sanitized(messageOf(error), at)
  return hint === undefined ? text : `${text} (${hint})`
}

/** The hint for a handshake that does not end. */
export const silenceHint = (tls: boolean | undefined, naming: Naming): string | undefined =>
  tls === true ? hints[naming].tlsOff : undefined

const hintOf = (error: unknown, at: Circumstances): string | undefined => {
  const { ca, host, login, sentinels, tlsOff, tlsOn } = hints[at.naming]
  const message = messageOf(error)
  const code = codeOf(error) ?? ""
  if (message.startsWith("All sentinels are unreach")) return sentinels
  if (code === "ENOTFOUND") return host
  if (UNTRUSTED.test(code)) return ca
  if (isAuthFailure(error)) return login
  if (isNoPermission(error)) {
    return `the user needs the commands SUBSCRIBE, PSUBSCRIBE and PING and the channel ${at.channel}`
  }
  const isMismatch = isGeneric(error) || MISMATCH.test(`${code}: ${message}`)
  if (at.answered || at.tls === undefined || !isMismatch) return undefined
  return at.tls ? tlsOff : tlsOn
}

const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return typeof error === "string" ? error : ""
  // A host with several addresses fails with one error for each, and an empty message.
  return error instanceof AggregateError && error.message === ""
    ? error.errors.map(messageOf).join("; ")
    : error.message
}

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined

/** Foreign text without secrets, in one line of bounded length. */
const sanitized = (text: string, { secrets }: Circumstances): string => {
  const shown = secrets.reduce((rest, secret) => rest.replaceAll(secret, "<redacted>"), text)
  const clean = beginning(shown, MAX_LENGTH)
    // A server that does not know AUTH or HELLO repeats their arguments.
    .replace(/,?\s*with args beginning with.*$/s, "")
    // oxlint-disable-next-line no-control-regex -- control characters are what it removes
    .replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ")
    .trim()
  return clean === "" ? "the connection failed" : clean
}

/**
 * Describes why a connection failed, and what to do about it, without secrets.
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

const settings = {
  options: {
    tlsOn: "set redis.tls",
    tlsOff: "leave out redis.tls",
    ca: "check redis.tls.ca",
    host: "check redis.host",
    credentials: "check redis.username and redis.password",
    sentinels: "check redis.sentinels, redis.name and redis.sentinelPassword"
  },
  environment: {
    tlsOn: "set MULTI_TENANT_REDIS_TLS=true",
    tlsOff: "set MULTI_TENANT_REDIS_TLS=false",
    ca: "check MULTI_TENANT_REDIS_CA_CERT",
    host: "check MULTI_TENANT_REDIS_HOST",
    credentials: "check MULTI_TENANT_REDIS_USERNAME and MULTI_TENANT_REDIS_PASSWORD",
    sentinels:
      "check MULTI_TENANT_REDIS_SENTINELS, MULTI_TENANT_REDIS_SENTINEL_NAME and MULTI_TENANT_REDIS_SENTINEL_PASSWORD"
  }
} as const

type Names = (typeof settings)[Naming]

const expectsTls = (names: Names) =>
  `a server that expects TLS does this; if it is one, ${names.tlsOn}`

const speaksNoTls = (names: Names) =>
  `a server that speaks no TLS does this; if it is one, ${names.tlsOff}`

const badLogin = /^WRONGPASS|invalid password|^ERR AUTH/i

/** Hints by the error's code and text, `CODE: text`; the first match wins. */
const hints: ReadonlyArray<readonly [RegExp, (names: Names, channel: string) => string]> = [
  [/^All sentinels are unreach/, (names) => `no sentinel named the master; ${names.sentinels}`],
  [/^ECONNREFUSED:/, () => "nothing listens there; check the server, its host and its port"],
  [/^ENOTFOUND:/, (names) => `the host name does not resolve; ${names.host}`],
  [/^EAI_AGAIN:/, () => "the host name could not be resolved now"],
  [
    /^(?:SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_(?:VERIFY|GET)_|CERT_SIGNATURE_)\w+:/,
    (names) =>
      `the server's certificate is not signed by a trusted CA; ${names.ca} and the server's chain`
  ],
  [/^CERT_HAS_EXPIRED:/, () => "the server's certificate has expired"],
  [/^CERT_NOT_YET_VALID:/, () => "the server's certificate is not valid yet; compare the clocks"],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID:/,
    () => "the server's certificate is for another name; use that name, or set redis.tls.servername"
  ],
  [/^ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG):/, speaksNoTls],
  [
    /^ERR_SSL_(?:UNSUPPORTED_PROTOCOL|TLSV1_ALERT_PROTOCOL_VERSION):/,
    () => "the server does not speak TLS 1.2 or later"
  ],
  [badLogin, (names) => `wrong user name or password; ${names.credentials}`],
  [/NOAUTH/, (names) => `the server requires a password; ${names.credentials}`],
  [
    /^NOPERM/,
    (_, channel) =>
      `the user lacks a permission; it needs the commands SUBSCRIBE, PSUBSCRIBE and PING and the channel ${channel}`
  ],
  [/^LOADING/, () => "the server is still loading its data"],
  [/^MASTERDOWN/, () => "the server is a replica that has lost its master"],
  [/max number of clients/i, () => "the server accepts no more clients; see its `maxclients`"],
  [/^DENIED/, () => "the server runs in protected mode; set a password on it"]
]

/** Whether the server refused the credentials, at whatever step of the handshake. */
export const isAuthFailure = (error: unknown): boolean =>
  badLogin.test(messageOf(error)) || /NOAUTH/.test(messageOf(error))

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
  tls === true ? speaksNoTls(settings[naming]) : undefined

const hintOf = (error: unknown, at: Circumstances): string | undefined => {
  const names = settings[at.naming]
  const message = messageOf(error)
  const code = codeOf(error)
  const text = code === undefined ? message : `${code}: ${message}`
  for (const [pattern, hint] of hints) if (pattern.test(text)) return hint(names, at.channel)
  if (at.answered) return undefined
  // A TLS server answers a plain client with an alert, which is no Redis reply.
  if (/^Protocol error/i.test(message) && at.tls !== true) return expectsTls(names)
  if (code === "EPROTO" && at.tls !== false) return speaksNoTls(names)
  if (at.tls === undefined || !(isGeneric(error) || isCut(code, message))) return undefined
  return at.tls ? speaksNoTls(names) : expectsTls(names)
}

const isCut = (code: string | undefined, message: string): boolean =>
  code === "ECONNRESET" || code === "EPIPE" || /socket disconnected|socket hang up/i.test(message)

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
const sanitized = (text: string, at: Circumstances): string => {
  const clean = beginning(
    at.secrets.reduce((rest, secret) => rest.replaceAll(secret, "<redacted>"), text),
    // The patterns below are slow on a very long text.
    8 * MAX_LENGTH
  )
    // A server that does not know AUTH or HELLO repeats their arguments.
    .replace(/,?\s*with args beginning with.*$/s, "")
    // oxlint-disable-next-line no-control-regex -- control characters are what it removes
    .replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ")
    .trim()
  if (clean === "") return "the connection failed"
  return clean.length > MAX_LENGTH ? `${clean.slice(0, MAX_LENGTH)}...` : clean
}

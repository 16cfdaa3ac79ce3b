/**
 * Why a connection failed, in words for the person who has to mend it, without secrets.
 */

import { beginning } from "../beginning.js"

/** What is known about the connection when it fails. */
export interface Circumstances {
  /** Such as `Redis at host:6379`. */
  readonly server: string
  readonly channel: string
  /** Whether the connection speaks TLS, where that is known. */
  readonly tls: boolean | undefined
  /** Whether the server answered anything yet. */
  readonly answered: boolean
  /** Never repeated, whatever the server says. */
  readonly secrets: ReadonlyArray<string>
}

const MAX_LENGTH = 300

const TURN_TLS_ON =
  "a server that expects TLS does this; if it is one, set MULTI_TENANT_REDIS_TLS=true"
const TURN_TLS_OFF =
  "a server that speaks no TLS does this; if it is one, set MULTI_TENANT_REDIS_TLS=false"
const CHECK_CA =
  "its certificate is not signed by a trusted CA; check MULTI_TENANT_REDIS_CA_CERT and the server's chain"
const CHECK_CREDENTIALS = "check MULTI_TENANT_REDIS_USERNAME and MULTI_TENANT_REDIS_PASSWORD"

/** By `code` of the error. */
const codes: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there; check that the server runs, its host and its port",
  ENOTFOUND: "the host name does not resolve; check MULTI_TENANT_REDIS_HOST",
  EAI_AGAIN: "the host name could not be resolved now",
  SELF_SIGNED_CERT_IN_CHAIN: CHECK_CA,
  DEPTH_ZERO_SELF_SIGNED_CERT: CHECK_CA,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: CHECK_CA,
  UNABLE_TO_GET_ISSUER_CERT: CHECK_CA,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: CHECK_CA,
  CERT_SIGNATURE_FAILURE: CHECK_CA,
  CERT_HAS_EXPIRED: "the server's certificate has expired",
  CERT_NOT_YET_VALID: "the server's certificate is not valid yet; compare the clocks",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "the server's certificate is for another name; connect by a name it is for, or give `tls.servername`",
  ERR_SSL_WRONG_VERSION_NUMBER: TURN_TLS_OFF,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: TURN_TLS_OFF,
  ERR_SSL_UNSUPPORTED_PROTOCOL: "the server does not speak TLS 1.2 or later",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "the server does not speak TLS 1.2 or later"
}

/** By what the message holds. */
const texts = (channel: string): ReadonlyArray<readonly [RegExp, string]> => [
  [/^WRONGPASS|invalid password|^ERR AUTH/i, `wrong user name or password; ${CHECK_CREDENTIALS}`],
  [/NOAUTH/, `the server wants a password; ${CHECK_CREDENTIALS}`],
  [
    /^NOPERM/,
    `the user lacks a permission; it needs the commands SUBSCRIBE, PSUBSCRIBE and PING and the channel ${channel}`
  ],
  [/^LOADING/, "the server is still loading its data"],
  [/max number of clients/i, "the server takes no more clients; see its `maxclients`"],
  [/^DENIED/, "the server runs in protected mode; give it a password or bind it to an address"]
]

/** The server's refusal of the credentials, wherever in the handshake it came. */
export const isAuthFailure = (error: unknown): boolean =>
  /^WRONGPASS|NOAUTH|invalid password|^ERR AUTH/i.test(messageOf(error))

/** An error that the server answered, as opposed to one of the connection. */
export const isReply = (error: unknown): boolean =>
  error instanceof Error && (error.name === "ReplyError" || error.name === "ErrorReply")

/** What ioredis says when it knows no more than that the connection is gone. */
export const isGeneric = (error: unknown): boolean =>
  error === undefined ||
  error === null ||
  /^Connection is closed|^Stream isn't writeable/.test(messageOf(error))

/** What `error` says, and what to do about it. */
export const explain = (error: unknown, at: Circumstances): string => {
  const hint = hintOf(error, at)
  const said = isGeneric(error) ? "the connection was closed" : foreign(messageOf(error), at)
  return hint === undefined ? said : `${said} (${hint})`
}

const hintOf = (error: unknown, at: Circumstances): string | undefined => {
  const message = messageOf(error)
  const code = codeOf(error)
  const known = code === undefined ? undefined : codes[code]
  if (known !== undefined) return known
  for (const [pattern, hint] of texts(at.channel)) if (pattern.test(message)) return hint
  // The alert that a TLS server answers a plain client with is no Redis reply.
  if (/^Protocol error/i.test(message) && at.tls !== true) {
    return at.answered ? undefined : TURN_TLS_ON
  }
  if (code === "EPROTO" && at.tls !== false) return TURN_TLS_OFF
  if (at.answered || !(isGeneric(error) || isCut(code, message))) return undefined
  if (at.tls === undefined) return undefined
  return at.tls ? TURN_TLS_OFF : TURN_TLS_ON
}

const isCut = (code: string | undefined, message: string): boolean =>
  code === "ECONNRESET" || code === "EPIPE" || /socket disconnected|socket hang up/i.test(message)

/** Why a handshake that never ended may have done so. */
export const explainSilence = (at: Circumstances): string | undefined =>
  at.tls === true ? TURN_TLS_OFF : undefined

const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return typeof error === "string" ? error : ""
  // A host with several addresses fails with one error each, and no message of its own.
  if (error instanceof AggregateError && error.message === "") {
    return error.errors.map(messageOf).join("; ")
  }
  // A Cluster says only that all its nodes failed.
  const last: unknown = "lastNodeError" in error ? error.lastNodeError : undefined
  return last instanceof Error ? `${error.message} Last error: ${last.message}` : error.message
}

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined

/** Text from elsewhere: without secrets, in one line, and not without end. */
const foreign = (text: string, at: Circumstances): string => {
  let clean = text
  for (const secret of at.secrets) {
    if (secret !== "") clean = clean.replaceAll(secret, "<redacted>")
  }
  // The patterns below look again and again at a long run of spaces. Nothing of a secret is
  // cut in two here: they are out by now.
  clean = beginning(clean, 8 * MAX_LENGTH)
  // A server that does not know AUTH or HELLO repeats what they were given.
  clean = clean
    .replace(/,?\s*with args beginning with.*$/s, "")
    // oxlint-disable-next-line no-control-regex -- they are what is to be taken out
    .replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ")
    .trim()
  if (clean === "") return "the connection failed"
  return clean.length > MAX_LENGTH ? `${clean.slice(0, MAX_LENGTH)}...` : clean
}

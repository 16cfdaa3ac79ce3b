/** What the way to the tenant manager and the way to Redis have in common: names, TCP and TLS. */
import { Array as Arr, Clock, Duration, Effect, type Scope } from "effect"
import * as net from "node:net"
import {
  connect,
  handshake,
  type NetworkError,
  type Presented,
  resolve,
  type Target,
  textOf
} from "./network.js"
import { failed, type Finding, ok, warning } from "./step.js"

/** Failed where every target failed; a warning where only some did. */
const summary = (findings: ReadonlyArray<Finding>): Finding => {
  const are = (wanted: Finding["status"]) => findings.every(({ status }) => status === wanted)
  const advice = Arr.dedupe(findings.flatMap(({ advice }) => advice ?? [])).join("; ")
  return {
    status: are("failed") ? "failed" : are("ok") ? "ok" : "warning",
    found: findings.map(({ found }) => found).join("; "),
    advice: advice === "" ? undefined : advice
  }
}

/** One finding for all targets, which are checked at once. */
const each = <R>(
  targets: ReadonlyArray<Target>,
  check: (target: Target) => Effect.Effect<Finding, Finding, R>
): Effect.Effect<Finding, never, R> =>
  Effect.forEach(targets, (target) => Effect.merge(check(target)), {
    concurrency: "unbounded"
  }).pipe(Effect.map(summary))

export const dnsAdvice = (variable: string): string =>
  `check the spelling of the host in ${variable}, and that the DNS server of this machine knows it`

/** Resolves every host. `variable` is where the hosts come from. */
export const resolveAll = (
  targets: ReadonlyArray<Target>,
  variable: string
): Effect.Effect<Finding> =>
  each(targets, ({ host }) =>
    net.isIP(host) !== 0
      ? Effect.succeed(ok(`${host} is an address`))
      : resolve(host).pipe(
          Effect.mapBoth({
            onSuccess: (addresses) => ok(`${host} is ${addresses.join(", ")}`),
            onFailure: ({ code }) => failed(`${host} has no address (${code})`, dnsAdvice(variable))
          })
        )
  )

/** Connects to every target. `otherwise` ends the advice where nothing answers. */
export const connectAll = (
  targets: ReadonlyArray<Target>,
  variable: string,
  otherwise: string
): Effect.Effect<Finding, never, Scope.Scope> =>
  each(targets, (target) =>
    Effect.timed(connect(target)).pipe(
      Effect.mapBoth({
        onSuccess: ([took]) => ok(`connected to ${textOf(target)} in ${millis(took)}`),
        onFailure: (error) =>
          failed(
            `${textOf(target)}: ${describe(error)}`,
            refusalAdvice(error, target, variable, otherwise)
          )
      })
    )
  )

const describe = ({ code, message }: NetworkError): string =>
  code === "ECONNREFUSED" ? "connection refused (ECONNREFUSED)" : message

const refusalAdvice = (
  { code }: NetworkError,
  target: Target,
  variable: string,
  otherwise: string
): string =>
  code === "ECONNREFUSED"
    ? `nothing listens on ${textOf(target)}, or a firewall refuses: check that the server runs and the host and port in ${variable}${otherwise}`
    : `check the host and port in ${variable}, the route and the firewall${otherwise}`

export interface TlsNames {
  /** Where the host is set. */
  readonly host: string
  /** The variable of the trusted roots. */
  readonly ca: string
  /** How to turn TLS off. */
  readonly off: string
}

/** A handshake with every target, and what its certificate is worth. */
export const checkCertificates = (
  targets: ReadonlyArray<Target>,
  ca: string | undefined,
  names: TlsNames,
  open?: (target: Target) => Effect.Effect<net.Socket, NetworkError, Scope.Scope>
): Effect.Effect<Finding, never, Scope.Scope> =>
  each(targets, (target) =>
    Effect.gen(function* () {
      const socket = open === undefined ? undefined : yield* open(target)
      const presented = yield* handshake(target, ca, socket)
      const now = yield* Clock.currentTimeMillis
      return judge(target, presented, now, ca, names)
    }).pipe(
      Effect.mapError((error) => failed(`${textOf(target)}: ${error.message}`, plainAdvice(names)))
    )
  )

const DAY_MILLIS = 86_400_000
/** A certificate that expires sooner is worth a warning. */
const SOON_MILLIS = 14 * DAY_MILLIS

/** What a presented certificate is worth at `now`, in milliseconds since the epoch. */
export const judge = (
  target: Target,
  { expires, issuer, names: certified, problem, protocol }: Presented,
  now: number,
  ca: string | undefined,
  names: TlsNames
): Finding => {
  const day = expires.toISOString().slice(0, 10)
  const found = `${textOf(target)}: ${protocol}; the certificate names ${certified.join(", ")}, was issued by ${issuer} and expires on ${day}`
  if (problem !== undefined) {
    return failed(
      `${found}; not trusted (${problem})`,
      distrustAdvice(problem, { host: target.host, day, issuer, certified, ca }, names)
    )
  }
  const left = expires.getTime() - now
  return left > SOON_MILLIS
    ? ok(found)
    : warning(found, `renew the certificate: it expires in ${Math.floor(left / DAY_MILLIS)} days`)
}

const distrustAdvice = (
  problem: string,
  at: {
    readonly host: string
    readonly day: string
    readonly issuer: string
    readonly certified: ReadonlyArray<string>
    readonly ca: string | undefined
  },
  names: TlsNames
): string => {
  if (problem === "CERT_HAS_EXPIRED") {
    return `renew the server's certificate, which expired on ${at.day}; if it did not, the clock of this machine is wrong`
  }
  if (problem === "CERT_NOT_YET_VALID") {
    return "the certificate is not valid yet: check the clock of this machine"
  }
  if (problem === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return `the certificate is for ${at.certified.join(", ")} and not for ${at.host}: use one of its names in ${names.host}, or have it issued for ${at.host}`
  }
  return at.ca === undefined
    ? `set ${names.ca} to the root certificate of ${at.issuer}, or have the server send its whole chain`
    : `${names.ca} does not hold the root that signed the server's certificate: it must hold that of ${at.issuer}`
}

/** For a server that does not answer a handshake as TLS does. */
export const plainAdvice = ({ host, off }: TlsNames): string =>
  `if the server speaks no TLS on this port, ${off}; otherwise check the port in ${host}`

export const millis = (duration: Duration.Duration): string =>
  `${Math.round(Duration.toMillis(duration) * 10) / 10} ms`

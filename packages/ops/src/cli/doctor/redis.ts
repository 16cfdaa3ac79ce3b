/** The steps on the way to Redis, up to a connection that has logged in. */
import { Effect, Exit, type Redacted, type Scope } from "effect"
import type { TenantDiscoveryConfig } from "tenant-discovery"
import { channelSteps } from "./channel.js"
import { connect, exchange, NetworkError, type Target, textOf } from "./network.js"
import { checkCertificates, connectAll, dnsAdvice, plainAdvice, resolveAll } from "./reach.js"
import {
  command,
  loggedIn,
  type Login,
  logIn,
  openClient,
  RedisFailure,
  textsOf
} from "./redisClient.js"
import { failed, type Finding, ok, skipped, type Step, warning } from "./step.js"

export interface RedisSubject {
  readonly settings: TenantDiscoveryConfig.RedisSettings
  readonly password: Redacted.Redacted | undefined
  /** In lower case; `undefined`: the events of all environments. */
  readonly environment: string | undefined
  /** How long to wait for a message of others, in milliseconds. */
  readonly listenFor: number
  /** Whether to publish a probe. */
  readonly publish: boolean
}

const tlsNames = (host: string) => ({
  host,
  ca: "MULTI_TENANT_REDIS_CA_CERT",
  off: "set MULTI_TENANT_REDIS_TLS=false"
})

export const redisSteps = (subject: RedisSubject): Effect.Effect<ReadonlyArray<Step>> =>
  Effect.gen(function* () {
    const { password, settings } = subject
    const { tls, username } = settings
    const login: Login = { username, password, tls }
    const { targets, variable } = addressesOf(settings)
    const names = tlsNames(variable)
    const isSentinel = "sentinels" in settings
    const server = yield* Effect.cached(
      isSentinel ? askSentinels(settings) : firstThatConnects(targets, variable)
    )
    const topology: Step = {
      step: "redis-topology",
      needs: isSentinel ? ["redis-tls"] : ["redis-auth"],
      tried: isSentinel
        ? `ask the sentinels for the master ${settings.name}, and connect to it`
        : "ask the server for its role",
      run: isSentinel
        ? Effect.flatMap(server, (master) =>
            Effect.map(connectAll([master], variable, ""), (finding) => ({
              ...finding,
              found: `the master is ${textOf(master)}: ${finding.found}`
            }))
          )
        : Effect.flatMap(server, (target) => topologyOf(target, login, "cluster" in settings))
    }
    const auth: Step = {
      step: "redis-auth",
      needs: isSentinel ? ["redis-topology"] : ["redis-tls"],
      tried:
        password === undefined
          ? "use Redis without a password"
          : `log in${username === undefined ? "" : ` as ${username}`} with the password`,
      run: Effect.flatMap(server, (target) => authFinding(target, login))
    }
    return [
      {
        step: "redis-dns",
        needs: [],
        tried: `find the address of ${targets.map(({ host }) => host).join(", ")}`,
        run: resolveAll(targets, variable),
        ifSilent: dnsAdvice(variable)
      },
      {
        step: "redis-tcp",
        needs: ["redis-dns"],
        tried: `connect to ${targets.map(textOf).join(", ")}`,
        run: connectAll(targets, variable, ""),
        ifSilent: `check the host and port in ${variable}, and whether a firewall drops the connection`
      },
      {
        step: "redis-tls",
        needs: ["redis-tcp"],
        tried: tls === false ? "speak to Redis without TLS" : "TLS handshake with Redis",
        run:
          tls === false
            ? Effect.flatMap(firstThatConnects(targets, variable), (target) =>
                plainFinding(target, names.host)
              )
            : checkCertificates(targets, tls.ca, names),
        ifSilent: tls === false ? EXPECTS_TLS : plainAdvice(names)
      },
      ...(isSentinel ? [topology, auth] : [auth, topology]),
      ...channelSteps({ ...subject, login }, server)
    ]
  })

const addressesOf = (
  settings: TenantDiscoveryConfig.RedisSettings
): { readonly targets: ReadonlyArray<Target>; readonly variable: string } => {
  if ("sentinels" in settings) {
    return { targets: settings.sentinels, variable: "MULTI_TENANT_REDIS_SENTINELS" }
  }
  return "cluster" in settings
    ? { targets: settings.cluster, variable: "MULTI_TENANT_REDIS_CLUSTER_NODES" }
    : {
        targets: [{ host: settings.host, port: settings.port }],
        variable: "MULTI_TENANT_REDIS_HOST"
      }
}

const firstThatConnects = (
  targets: ReadonlyArray<Target>,
  variable: string
): Effect.Effect<Target, Finding> =>
  Effect.findFirst(targets, (target) =>
    Effect.map(Effect.exit(Effect.scoped(connect(target))), Exit.isSuccess)
  ).pipe(
    Effect.flatten,
    Effect.mapError(() => failed("no server accepts a connection", `check ${variable}`))
  )

/** The master's address, from the first sentinel that knows it. */
const askSentinels = ({
  name,
  sentinelPassword,
  sentinels,
  tls
}: Extract<TenantDiscoveryConfig.RedisSettings, { readonly sentinels: unknown }>): Effect.Effect<
  Target,
  Finding
> =>
  Effect.validateFirst(sentinels, (sentinel) =>
    Effect.gen(function* () {
      const client = yield* openClient(sentinel, tls)
      yield* logIn(client, { username: undefined, password: sentinelPassword })
      const [host, port] = textsOf(
        yield* command(client, "SENTINEL", "get-master-addr-by-name", name)
      )
      if (host === undefined) {
        return yield* new RedisFailure({
          isReply: true,
          code: "UNKNOWN",
          message: `it knows no master ${name}`
        })
      }
      return { host, port: Number(port) }
    }).pipe(
      Effect.scoped,
      Effect.mapError((failure) => ({ sentinel, failure }))
    )
  ).pipe(
    Effect.mapError((all) => {
      const found = all
        .map(({ failure, sentinel }) => `sentinel ${textOf(sentinel)}: ${failure.message}`)
        .join("; ")
      const codes = all.map(({ failure }) => failure.code)
      if (codes.includes("UNKNOWN")) {
        return failed(
          found,
          "set MULTI_TENANT_REDIS_SENTINEL_NAME to the name under which the sentinels know the master"
        )
      }
      return failed(
        found,
        codes.some((code) => code === "NOAUTH" || code === "WRONGPASS" || code === "ERR")
          ? "set MULTI_TENANT_REDIS_SENTINEL_PASSWORD to the password of the sentinels"
          : "check that the sentinels run and MULTI_TENANT_REDIS_SENTINELS"
      )
    })
  )

const EXPECTS_TLS =
  "set MULTI_TENANT_REDIS_TLS=true if the server expects TLS; otherwise check that this is a Redis server"

/** What a server answers to plain text. A server with TLS sends an alert, or closes. */
const plainFinding = (
  target: Target,
  variable: string
): Effect.Effect<Finding, Finding, Scope.Scope> =>
  Effect.flatMap(connect(target), (socket) => exchange(socket, "PING\r\n")).pipe(
    Effect.filterOrFail(
      (bytes) => /^[+-]/.test(bytes.toString("latin1")),
      () => new NetworkError({ code: "ENOTREDIS", message: "the answer is none of Redis" })
    ),
    Effect.mapBoth({
      onSuccess: () =>
        /^(?:localhost|127\..*|::1)$/i.test(target.host)
          ? skipped("TLS is off")
          : warning(
              "TLS is off: the password and the events cross the network unencrypted",
              "set MULTI_TENANT_REDIS_TLS=true where the server has TLS"
            ),
      onFailure: ({ message }) =>
        failed(`no Redis without TLS: ${message}`, `${EXPECTS_TLS} (${variable})`)
    })
  )

const authFinding = (
  target: Target,
  login: Login
): Effect.Effect<Finding, Finding, Scope.Scope> => {
  const user = login.username === undefined ? "the default user" : `the user ${login.username}`
  return loggedIn(target, login).pipe(
    Effect.tap((client) =>
      // Any other refusal comes after the login.
      command(client, "PING").pipe(
        Effect.catchIf(
          ({ code, isReply }) => isReply && code !== "NOAUTH",
          () => Effect.void
        )
      )
    ),
    Effect.as(ok(`logged in as ${user}`)),
    Effect.mapError(({ code, message }) => {
      if (code === "NOAUTH") {
        return failed(
          "the server requires a password",
          "set MULTI_TENANT_REDIS_PASSWORD (or its _FILE), and MULTI_TENANT_REDIS_USERNAME for a Redis with ACLs"
        )
      }
      if (code === "WRONGPASS" || /invalid password/i.test(message)) {
        return failed(
          `the server refuses ${user} with this password`,
          "check MULTI_TENANT_REDIS_USERNAME and MULTI_TENANT_REDIS_PASSWORD (or its _FILE)"
        )
      }
      return /without any password/i.test(message)
        ? failed(
            "a password is set, and the server has none",
            "leave out MULTI_TENANT_REDIS_PASSWORD, or check that this is the right server"
          )
        : failed(message, "check that this is a Redis server, and look at its log")
    })
  )
}

const field = (info: string, name: string): string | undefined =>
  new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1]

/** The role of one server, or the state of the cluster; both need permissions of their own. */
const topologyOf = (
  target: Target,
  login: Login,
  inClusterMode: boolean
): Effect.Effect<Finding, Finding, Scope.Scope> =>
  Effect.gen(function* () {
    const client = yield* loggedIn(target, login)
    if (inClusterMode) {
      const info = String(yield* command(client, "CLUSTER", "INFO"))
      const state = field(info, "cluster_state") ?? "unknown"
      const found = `cluster of ${field(info, "cluster_known_nodes") ?? "?"} nodes, state ${state}`
      return state === "ok"
        ? ok(found)
        : warning(found, "repair the cluster: events of a part that is cut off do not arrive")
    }
    const info = String(yield* command(client, "INFO", "replication"))
    const role = field(info, "role") ?? "unknown"
    return field(info, "master_link_status") === "down"
      ? warning(
          `${role} at ${textOf(target)}, cut off from its master`,
          "repair the replication or connect to the master: events published there do not arrive"
        )
      : ok(`one server, ${role}`)
  }).pipe(
    Effect.catchAll(({ code, message }) => {
      if (code === "NOPERM" || code === "LOADING") return Effect.succeed(skipped(message))
      return Effect.succeed(
        /cluster support disabled/i.test(message)
          ? warning(
              "the server is no node of a cluster",
              "set MULTI_TENANT_REDIS_HOST in place of MULTI_TENANT_REDIS_CLUSTER_NODES"
            )
          : warning(message, "look at the server's log")
      )
    })
  )

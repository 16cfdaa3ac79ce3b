/** A real Redis-compatible server until a scope closes. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { freePort, loopback } from "./internal/ports.js"
import { runCommands, type RedisTarget } from "./internal/redisCommand.js"
import { realTime } from "./internal/realTime.js"
import * as Process from "./internal/serverProcess.js"
import { tlsProxy } from "./internal/tlsProxy.js"
import type { KeyPair } from "./TestCertificates.js"
import * as TestCertificates from "./TestCertificates.js"

/** `external` is a server at a URL, which this module neither starts nor stops. */
export type RedisServerKind = "external" | "native" | "embedded"

export class RedisServerError extends Data.TaggedError("RedisServerError")<{
  /**
   * - `NotAvailable`: this machine cannot run the wanted kind
   * - `StartFailed`: it did not start, or did not answer PING in time
   * - `Unsupported`: an external server cannot be started or stopped
   * - `CommandFailed`: it refused a command or did not answer in time
   */
  readonly reason: "NotAvailable" | "StartFailed" | "Unsupported" | "CommandFailed"
  readonly message: string
  readonly cause?: unknown
}> {}

export interface RedisServerOptions {
  /**
   * `auto` (default): `url` or `REDIS_URL`, then `redis-server` or `valkey-server` on the PATH,
   * then the embedded one. The other two ignore `REDIS_URL`. `SIMULATOR_REDIS=embedded` in the
   * environment hides the native servers.
   */
  readonly kind?: "auto" | "native" | "embedded" | undefined
  /** A running server. Wins over every other option. */
  readonly url?: string | undefined
  /** Default: a free port. A given port is tried once. */
  readonly port?: number | undefined
  /** Password of the default user. */
  readonly password?: Redacted.Redacted | string | undefined
  /**
   * Also listens with TLS on another port, with one of the `TestCertificates`; `true` is
   * `localhost`.
   */
  readonly tls?: boolean | KeyPair | undefined
  /** Commands to run after each start, as `["ACL", "SETUSER", ...]`. */
  readonly setup?: ReadonlyArray<ReadonlyArray<string | number>> | undefined
  /**
   * Lines of a redis.conf; they exclude the embedded server. `loglevel` must stay at `notice` or
   * below and `logfile` unset: the log line tells that the server is ready.
   */
  readonly nativeConfig?: ReadonlyArray<string> | undefined
  /** Limit in milliseconds for the start and for each command. Default 10 000. */
  readonly timeoutMillis?: number | undefined
}

export interface RedisServer {
  readonly kind: RedisServerKind
  readonly host: string
  /** The port without TLS; constant over restarts. */
  readonly port: number
  /** Without credentials. */
  readonly url: string
  readonly username: string | undefined
  readonly password: Redacted.Redacted | undefined
  /** The listener with TLS, with the option `tls`. Trust `TestCertificates.ca`. */
  readonly tls: { readonly host: string; readonly port: number; readonly url: string } | undefined
  /** The process of the running server; undefined for an external one. */
  readonly pid: Effect.Effect<number | undefined>
  /** Starts it again after `kill`, without data. Does nothing where it runs. */
  readonly start: Effect.Effect<void, RedisServerError>
  /** SIGKILL; ends when the process has exited, so that the port refuses connections. */
  readonly kill: Effect.Effect<void, RedisServerError>
  /** SIGSTOP: connections stay open and the server answers nothing. */
  readonly stop: Effect.Effect<void, RedisServerError>
  /** SIGCONT after `stop`. */
  readonly continue: Effect.Effect<void, RedisServerError>
  /** `kill`, then `start` on the same port. */
  readonly restart: Effect.Effect<void, RedisServerError>
  /** Runs one command on a new connection as the default user; gives the raw reply. */
  readonly command: (
    ...command: ReadonlyArray<string | number>
  ) => Effect.Effect<unknown, RedisServerError>
}

/** The kinds that `kind: "auto"` can choose from on this machine, best first. */
export const available: Effect.Effect<ReadonlyArray<RedisServerKind>> = Effect.sync(() => [
  ...((process.env["REDIS_URL"] ?? "") === "" ? [] : (["external"] as const)),
  ...(Process.findNative() === undefined ? [] : (["native"] as const)),
  ...(Process.embeddedWorks() ? (["embedded"] as const) : [])
])

const defaultTimeoutMillis = 10_000
const startAttempts = 5

/**
 * Starts a server and kills it when the scope closes, also a stopped one. The server dies with
 * this process, however the process ends (on Windows: unless the process is killed).
 */
export const make = (
  options: RedisServerOptions = {}
): Effect.Effect<RedisServer, RedisServerError, Scope.Scope> =>
  Effect.gen(function* () {
    const url = externalUrl(options)
    const core = url === undefined ? yield* own(options) : yield* external(url, options)
    if (options.tls === undefined || options.tls === false) return { ...core, tls: undefined }
    const pair = options.tls === true ? TestCertificates.localhost : options.tls
    const port = yield* tlsProxy(pair, core).pipe(
      Effect.mapError((cause) => startFailed(`Cannot listen with TLS: ${cause.message}`, cause))
    )
    return { ...core, tls: { host: loopback, port, url: `rediss://${loopback}:${port}` } }
  })

type Core = Omit<RedisServer, "tls">

const startFailed = (message: string, cause?: unknown) =>
  new RedisServerError({ reason: "StartFailed", message, cause })

const externalUrl = (options: RedisServerOptions): string | undefined => {
  if (options.url !== undefined) return options.url
  // These options configure an own server, not an external one.
  const wantsOwn =
    options.port !== undefined ||
    options.password !== undefined ||
    options.nativeConfig !== undefined ||
    options.setup !== undefined
  const found = process.env["REDIS_URL"] ?? ""
  return (options.kind ?? "auto") !== "auto" || wantsOwn || found === "" ? undefined : found
}

const commandOn =
  (target: RedisTarget, timeoutMillis: number): RedisServer["command"] =>
  (...command) =>
    runCommands(target, [command], timeoutMillis).pipe(
      Effect.map((replies) => replies[0]),
      Effect.mapError(
        (cause) =>
          new RedisServerError({
            reason: "CommandFailed",
            message: `Redis at ${target.host}:${target.port} failed ${command[0] ?? ""}: ${cause.message}`,
            cause
          })
      )
    )

const external = (
  url: string,
  options: RedisServerOptions
): Effect.Effect<Core, RedisServerError> =>
  Effect.gen(function* () {
    const parsed = yield* Effect.try({
      try: () => new URL(url),
      catch: () =>
        startFailed("The Redis URL is invalid; expected redis://[user:password@]host[:port]")
    })
    const host = parsed.hostname.replace(/^\[(.*)\]$/, "$1")
    const port = parsed.port === "" ? 6379 : Number(parsed.port)
    const username = parsed.username === "" ? undefined : decodeURIComponent(parsed.username)
    const password = parsed.password === "" ? undefined : decodeURIComponent(parsed.password)
    const command = commandOn(
      { host, port, username, password, tls: parsed.protocol === "rediss:" },
      options.timeoutMillis ?? defaultTimeoutMillis
    )
    yield* command("PING").pipe(
      Effect.mapError((error) =>
        startFailed(`${error.message}; the server was given by URL`, error.cause)
      )
    )
    const unsupported = Effect.fail(
      new RedisServerError({
        reason: "Unsupported",
        message: `Redis at ${host}:${port} was given by URL; only an own server can be started and stopped`
      })
    )
    return {
      kind: "external",
      host,
      port,
      url: `${parsed.protocol}//${parsed.hostname}:${port}`,
      username,
      password: password === undefined ? undefined : Redacted.make(password),
      pid: Effect.succeed(undefined),
      start: unsupported,
      kill: unsupported,
      stop: unsupported,
      continue: unsupported,
      restart: unsupported,
      command
    }
  })

const own = (options: RedisServerOptions): Effect.Effect<Core, RedisServerError, Scope.Scope> =>
  Effect.gen(function* () {
    const executable = options.kind === "embedded" ? undefined : Process.findNative()
    const wantsNative = options.kind === "native" || options.nativeConfig !== undefined
    if (executable === undefined && wantsNative) {
      return yield* new RedisServerError({
        reason: "NotAvailable",
        message: "Neither redis-server nor valkey-server is on the PATH; install one of them"
      })
    }
    const password = options.password === undefined ? undefined : plain(options.password)
    const timeoutMillis = options.timeoutMillis ?? defaultTimeoutMillis
    let current: Process.ServerProcess | undefined
    const lock = yield* Effect.makeSemaphore(1)

    // One finalizer for the server of the moment, in whatever state it is.
    yield* Effect.addFinalizer(() => lock.withPermits(1)(Effect.suspend(() => killCurrent)))
    const killCurrent = Effect.suspend(() => current?.kill ?? Effect.void)

    const boot = (port: number) =>
      Effect.gen(function* () {
        const started = yield* (
          executable === undefined
            ? Process.spawnEmbedded(port)
            : Process.spawnNative(executable, nativeConfig(port, password, options.nativeConfig))
        ).pipe(
          Effect.tap((child) => {
            current = child
          }),
          Effect.uninterruptible,
          Effect.mapError((error) => startFailed(error.message, error))
        )
        yield* ready(started, port).pipe(
          Effect.timeoutFail({
            duration: timeoutMillis,
            onTimeout: () => startFailed(describe(`no PING within ${timeoutMillis} ms`, started))
          }),
          Effect.onError(() => started.kill),
          realTime
        )
      })

    const ready = (child: Process.ServerProcess, port: number) => {
      const embedded = executable === undefined
      // The embedded server has no configuration file: a command sets its password.
      const open: RedisTarget = { host: loopback, port, password: embedded ? undefined : password }
      const setup = [
        ...(options.setup ?? []),
        ...(embedded && password !== undefined ? [["CONFIG", "SET", "requirepass", password]] : [])
      ]
      return Effect.gen(function* () {
        yield* Effect.suspend(() => {
          if (child.exited()) return Effect.fail(startFailed(describe("it exited", child)))
          // Before that log line, another program's server may answer on this port.
          return child.output().includes(embedded ? "listening" : "Ready to accept connections")
            ? Effect.as(runCommands(open, [["PING"]], timeoutMillis), true)
            : Effect.succeed(false)
        }).pipe(
          Effect.catchAll((error) =>
            error instanceof RedisServerError ? Effect.fail(error) : Effect.succeed(false)
          ),
          Effect.repeat({ until: (answered) => answered, schedule: Schedule.spaced("10 millis") })
        )
        if (child.exited()) return yield* startFailed(describe("it exited", child))
        yield* runCommands(open, setup, timeoutMillis).pipe(
          Effect.mapError((cause) => startFailed(`Its setup failed: ${cause.message}`, cause))
        )
      })
    }

    const wanted = options.port
    const port =
      wanted === undefined
        ? yield* Effect.flatMap(freePort, (free) => Effect.as(boot(free), free)).pipe(
            Effect.retry({ times: startAttempts - 1, while: (error) => portTaken(error.message) })
          )
        : yield* Effect.as(boot(wanted), wanted)

    const running = Effect.sync(() => current !== undefined && !current.exited())
    const start = lock
      .withPermits(1)(Effect.unlessEffect(boot(port), running))
      .pipe(Effect.asVoid)
    const kill = lock.withPermits(1)(killCurrent)
    return {
      kind: executable === undefined ? "embedded" : "native",
      host: loopback,
      port,
      url: `redis://${loopback}:${port}`,
      username: undefined,
      password: password === undefined ? undefined : Redacted.make(password),
      pid: Effect.sync(() => (current === undefined || current.exited() ? undefined : current.pid)),
      start,
      kill,
      stop: Effect.suspend(() => current?.stop ?? Effect.void),
      continue: Effect.suspend(() => current?.continue ?? Effect.void),
      restart: Effect.zipRight(kill, start),
      command: commandOn({ host: loopback, port, password }, timeoutMillis)
    }
  })

const plain = (password: Redacted.Redacted | string) =>
  typeof password === "string" ? password : Redacted.value(password)

const describe = (what: string, child: Process.ServerProcess) =>
  `The Redis server did not start: ${what}. Its output: ${child.output().trim() || "none"}`

const portTaken = (message: string) => /EADDRINUSE|already in use/i.test(message)

const nativeConfig = (
  port: number,
  password: string | undefined,
  more: ReadonlyArray<string> | undefined
): ReadonlyArray<string> => [
  `port ${port}`,
  `bind ${loopback}`,
  "daemonize no",
  'save ""',
  "appendonly no",
  // A redis.conf understands JSON's escapes of quotes and backslashes.
  ...(password === undefined ? [] : [`requirepass ${JSON.stringify(password)}`]),
  ...(more ?? [])
]

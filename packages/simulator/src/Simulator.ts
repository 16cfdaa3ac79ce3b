/** A tenant manager for development and tests: its HTTP API, its events over a real Redis, and faults. */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { makeAdmin } from "./internal/admin.js"
import { makeApi } from "./internal/api.js"
import { Outbox, type Channels } from "./internal/events.js"
import { serve } from "./internal/http.js"
import { makeManager } from "./internal/manager.js"
import { loopback } from "./internal/ports.js"
import { makePublisher } from "./internal/publisher.js"
import { errorAnswer, send } from "./internal/respond.js"
import { Store } from "./internal/store.js"
import { Troubles } from "./internal/troubles.js"
import * as RedisServer from "./RedisServer.js"
import type {
  CreateOptions,
  SimulatorControl,
  SimulatorOperations,
  LoggedRequest
} from "./SimulatorControl.js"
import { SimulatorError } from "./SimulatorError.js"
import type { Trouble } from "./Trouble.js"

export type { ModuleSettings } from "./internal/store.js"
export type { Channels, OutgoingEvent } from "./internal/events.js"
export type {
  Change,
  CreateOptions,
  LoggedRequest,
  SimulatorControl,
  SimulatorOperations
} from "./SimulatorControl.js"
export { SimulatorError } from "./SimulatorError.js"

export interface SimulatorOptions {
  /** The service of `env` and of each operation without a service. Default `ledger`. */
  readonly service?: string | undefined
  /** Trimmed and lower-cased. Without it, events go to the tenants' own channels only. */
  readonly environment?: string | undefined
  /** Default `environment` where `environment` is set. */
  readonly channels?: Channels | undefined
  /** Default `simulator-api-key`. */
  readonly apiKey?: Redacted.Redacted | string | undefined
  /** Prefix of every path, as `/internal`. Default none. */
  readonly basePath?: string | undefined
  /** Default `/v1`; empty for old servers. */
  readonly apiPrefix?: string | undefined
  /** The port of the HTTP server. Default: a free port. */
  readonly port?: number | undefined
  /** A running server, which keeps running, or the options of an own one. */
  readonly redis?: RedisServer.RedisServer | RedisServer.RedisServerOptions | undefined
  /** The tenants at the start, without events: a number, or each tenant. Default 0. */
  readonly tenants?: number | ReadonlyArray<CreateOptions> | undefined
  /** Limit of a publish in milliseconds. Default 500. */
  readonly publishTimeoutMillis?: number | undefined
}

/** A held list request. */
export interface ListGate {
  /** Ends when a list request has arrived. */
  readonly arrived: Effect.Effect<void>
  readonly release: Effect.Effect<void>
}

export interface SimulatorService extends SimulatorControl {
  readonly redis: RedisServer.RedisServer
  readonly service: string
  /** The channel of the environment; `undefined` without one. */
  readonly channel: string | undefined
  /** `MULTI_TENANT_URL`, with the base path. */
  readonly url: string
  readonly apiKey: Redacted.Redacted
  readonly port: number
  /** The environment variables for a program that uses this simulator. */
  readonly env: Readonly<Record<string, string>>
  /** The number of list requests so far. */
  readonly listCalls: Effect.Effect<number>
  /** Ends when this many list requests have arrived since the start. */
  readonly awaitListCalls: (count: number) => Effect.Effect<void>
  /** Ends when this many list requests are answered or disconnected. */
  readonly awaitListsEnded: (count: number) => Effect.Effect<void>
  /**
   * Holds the next list request. With the snapshot `early` (default) the answer is the state at
   * its arrival, with `late` the state at the release.
   */
  readonly holdNextList: (options?: {
    readonly snapshot?: "early" | "late" | undefined
  }) => Effect.Effect<ListGate>
}

export class Simulator extends Context.Tag("@tenant-discovery/simulator/Simulator")<
  Simulator,
  SimulatorService
>() {}

const keptRequests = 10_000

/** Runs until the scope closes; the close leaves no process, socket or listener. */
export const make = (
  options: SimulatorOptions = {}
): Effect.Effect<SimulatorService, SimulatorError | RedisServer.RedisServerError, Scope.Scope> =>
  Effect.gen(function* () {
    const service = options.service ?? "ledger"
    const environment = options.environment?.trim().toLowerCase() || undefined
    const apiKey = asRedacted(options.apiKey ?? "simulator-api-key")
    const basePath = options.basePath ?? ""
    const apiPrefix = options.apiPrefix ?? "/v1"
    const redis =
      options.redis !== undefined && "command" in options.redis
        ? options.redis
        : yield* RedisServer.make(options.redis)
    const publisher = yield* makePublisher(
      {
        host: redis.host,
        port: redis.port,
        username: redis.username,
        password: redis.password === undefined ? undefined : Redacted.value(redis.password),
        tls: redis.url.startsWith("rediss:")
      },
      options.publishTimeoutMillis ?? 500
    )
    const store = new Store()
    const troubles = new Troubles()
    const outbox = new Outbox(troubles, environment, options.channels ?? "environment")
    const manager = yield* makeManager({ store, outbox, publisher, service })
    yield* seed(manager, options.tenants ?? 0)

    const listCalls = yield* SubscriptionRef.make(0)
    const listsEnded = yield* SubscriptionRef.make(0)
    const increment = (ref: SubscriptionRef.SubscriptionRef<number>) =>
      SubscriptionRef.update(ref, (count) => count + 1)
    const atLeast = (ref: SubscriptionRef.SubscriptionRef<number>) => (count: number) =>
      ref.changes.pipe(
        Stream.takeUntil((current) => current >= count),
        Stream.runDrain
      )
    const gates: Array<{
      readonly late: boolean
      readonly arrived: Deferred.Deferred<void>
      readonly released: Deferred.Deferred<void>
    }> = []
    let requests: Array<LoggedRequest> = []

    const api = makeApi({
      prefix: `${basePath}${apiPrefix}`,
      apiKey: Redacted.value(apiKey),
      store,
      troubles,
      onList: () => {
        const gate = gates.shift()
        return {
          late: gate?.late ?? true,
          wait: Effect.zipRight(
            increment(listCalls),
            gate === undefined
              ? Effect.void
              : Effect.zipRight(
                  Deferred.succeed(gate.arrived, undefined),
                  Deferred.await(gate.released)
                )
          )
        }
      },
      onListed: increment(listsEnded)
    })
    const activeTenantIds = (name = service) =>
      Effect.sync(() =>
        store
          .activeRecords(name)
          .map((record) => record.id)
          .sort()
      )
    const control = {
      ...manager,
      activeTenantIds,
      trouble: (...added: ReadonlyArray<Trouble>) =>
        Effect.sync(() => added.forEach((trouble) => troubles.add(trouble))),
      clearTrouble: Effect.sync(() => troubles.clear()),
      requests: Effect.sync(() => [...requests])
    }
    const admin = makeAdmin(control)

    const port = yield* serve(options.port, (request, response) => {
      const url = new URL(request.url ?? "/", `http://${loopback}`)
      const administration = admin(request, response, url)
      if (administration !== undefined) return administration
      if (requests.length >= 2 * keptRequests) requests = requests.slice(-keptRequests)
      const traceparent = request.headers["traceparent"]
      requests.push({
        method: request.method ?? "",
        path: request.url ?? "",
        headerNames: Object.keys(request.headers),
        traceparent: typeof traceparent === "string" ? traceparent : undefined
      })
      return (
        api(request, response, url) ??
        send(response, errorAnswer(404, "NOT_FOUND", `no such path: ${url.pathname}`), {})
      )
    }).pipe(
      Effect.mapError(
        (cause) =>
          new SimulatorError({
            reason: "StartFailed",
            message: `The simulator cannot listen: ${cause.message}`,
            cause
          })
      )
    )

    const url = `http://${loopback}:${port}${basePath}`
    return {
      ...control,
      redis,
      service,
      channel: environment === undefined ? undefined : `tenant-events:${environment}:`,
      url,
      apiKey,
      port,
      env: environmentVariables({ url, apiKey, apiPrefix, service, environment, redis }),
      listCalls: SubscriptionRef.get(listCalls),
      awaitListCalls: atLeast(listCalls),
      awaitListsEnded: atLeast(listsEnded),
      holdNextList: (hold = {}) =>
        Effect.gen(function* () {
          const arrived = yield* Deferred.make<void>()
          const released = yield* Deferred.make<void>()
          gates.push({ late: hold.snapshot === "late", arrived, released })
          return {
            arrived: Deferred.await(arrived),
            release: Effect.asVoid(Deferred.succeed(released, undefined))
          }
        })
    }
  })

export const layer = (
  options?: SimulatorOptions
): Layer.Layer<Simulator, SimulatorError | RedisServer.RedisServerError> =>
  Layer.scoped(Simulator, make(options))

const asRedacted = (secret: Redacted.Redacted | string) =>
  typeof secret === "string" ? Redacted.make(secret) : secret

const seed = (
  manager: SimulatorOperations,
  tenants: number | ReadonlyArray<CreateOptions>
): Effect.Effect<void, SimulatorError> =>
  typeof tenants === "number"
    ? Effect.asVoid(manager.bulkCreate(tenants, { publish: false }))
    : Effect.forEach(tenants, (tenant) => manager.create({ ...tenant, publish: false }), {
        discard: true
      })

const environmentVariables = (from: {
  readonly url: string
  readonly apiKey: Redacted.Redacted
  readonly apiPrefix: string
  readonly service: string
  readonly environment: string | undefined
  readonly redis: RedisServer.RedisServer
}): Readonly<Record<string, string>> => ({
  MULTI_TENANT_ENABLED: "true",
  APPLICATION_NAME: from.service,
  ...(from.environment === undefined ? {} : { ENVIRONMENT_NAME: from.environment }),
  MULTI_TENANT_URL: from.url,
  MULTI_TENANT_SERVICE_API_KEY: Redacted.value(from.apiKey),
  ...(from.apiPrefix === "/v1" ? {} : { MULTI_TENANT_API_PREFIX: from.apiPrefix }),
  MULTI_TENANT_REDIS_HOST: from.redis.host,
  MULTI_TENANT_REDIS_PORT: String(from.redis.port),
  ...(from.redis.username === undefined
    ? {}
    : { MULTI_TENANT_REDIS_USERNAME: from.redis.username }),
  ...(from.redis.password === undefined
    ? {}
    : { MULTI_TENANT_REDIS_PASSWORD: Redacted.value(from.redis.password) }),
  // Only for an external server: on a loopback host, unset means off.
  ...(from.redis.kind === "external"
    ? { MULTI_TENANT_REDIS_TLS: String(from.redis.url.startsWith("rediss:")) }
    : {})
})

import { FaultProxy, RedisServer, Simulator } from "@tenant-discovery/simulator"
import { Chunk, Effect, ExecutionStrategy, Exit, Fiber, type Redacted, Scope, Stream } from "effect"
import { randomUUID } from "node:crypto"
import { type LayerConfigOptions, layerConfigWith } from "../../src/NodeTenantDiscovery.js"
import type { TenantChange } from "../../src/TenantChange.js"
import type { TenantDiscoveryService } from "../../src/TenantDiscoveryService.js"
import { build, eventually, type Line } from "../node/support.js"

/** Quick enough for tests, slow enough for a busy machine. */
export const quick: LayerConfigOptions = {
  events: {
    connectTimeout: "2 seconds",
    heartbeatInterval: "50 millis",
    heartbeatTimeout: "700 millis",
    backoff: { base: "20 millis", cap: "100 millis" }
  },
  discovery: { relistBackoff: "20 millis", relistBackoffCap: "100 millis", relistDebounce: 20 }
}

export interface World {
  readonly simulator: Simulator.SimulatorService
  readonly redis: RedisServer.RedisServer
  /** What the discovery's connection goes through. */
  readonly proxy: FaultProxy.FaultProxy
  /** The contract's variables, with the proxy in Redis' place. */
  readonly variables: Readonly<Record<string, string>>
}

/** A fleet on a Redis of its own, behind a proxy. */
export const makeWorld = (options: {
  readonly redis: RedisServer.RedisServerOptions
  readonly tenants?: number
  readonly apiKey?: Redacted.Redacted
}) =>
  Effect.gen(function* () {
    const redis = yield* RedisServer.make(options.redis)
    const proxy = yield* FaultProxy.make(redis)
    const simulator = yield* Simulator.make({
      redis,
      environment: `test-${randomUUID()}`,
      tenants: options.tenants ?? 8,
      apiKey: options.apiKey
    })
    const variables = { ...simulator.env, MULTI_TENANT_REDIS_PORT: String(proxy.port) }
    const world: World = { simulator, redis, proxy, variables }
    return world
  })

export interface Program {
  readonly discovery: TenantDiscoveryService
  readonly close: Effect.Effect<void>
  readonly lines: ReadonlyArray<Line>
}

/** The discovery by environment variables, in a scope that `close` closes. */
export const startProgram = (
  variables: Readonly<Record<string, string>>,
  options: LayerConfigOptions = quick
) =>
  Effect.gen(function* () {
    const lines: Array<Line> = []
    const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
    const { discovery } = yield* Scope.extend(
      build(layerConfigWith(options), variables, lines),
      scope
    )
    const program: Program = { discovery, close: Scope.close(scope, Exit.void), lines }
    return program
  })

export const isLive = (discovery: TenantDiscoveryService) =>
  eventually(discovery.status.get, ({ mode }) => mode === "Live")

/** Once the status was anything else, however shortly. */
export const isNotLive = (discovery: TenantDiscoveryService) =>
  discovery.status.changes.pipe(
    Stream.takeUntil(({ mode }) => mode !== "Live"),
    Stream.runDrain
  )

const sorted = (ids: ReadonlyArray<string>) => ids.toSorted().join(" ")

/** Waits until the view is what the tenant manager knows. */
export const agrees = (simulator: Simulator.SimulatorService, discovery: TenantDiscoveryService) =>
  eventually(
    Effect.zip(simulator.activeTenantIds(), discovery.activeTenantIds),
    ([truth, ids]) => sorted(truth) === sorted(ids)
  )

/** What a reader is told from now on; `done` ends it, after the discovery has closed. */
export const listen = (discovery: TenantDiscoveryService) =>
  Effect.gen(function* () {
    const before = yield* discovery.activeTenantIds
    const fiber = yield* Effect.fork(Stream.runCollect(discovery.changes))
    yield* Effect.yieldNow()
    return {
      before,
      done: Effect.map(Fiber.join(fiber), (changes) => Chunk.toReadonlyArray(changes))
    }
  })

/** The IDs that a reader has who knew `before`; `undefined` where a change was no transition. */
export const fold = (
  before: ReadonlyArray<string>,
  changes: ReadonlyArray<TenantChange>
): ReadonlyArray<string> | undefined => {
  const ids = new Set<string>(before)
  for (const { _tag, tenant } of changes) {
    if (_tag === "Added" && (ids.has(tenant.id) || !ids.add(tenant.id))) return undefined
    if (_tag === "Removed" && !ids.delete(tenant.id)) return undefined
  }
  return [...ids]
}

import type { FaultProxy, RedisServer, Simulator } from "@tenant-discovery/simulator"
import { Chunk, Effect, ExecutionStrategy, Exit, Fiber, Scope, Stream } from "effect"
import { type LayerConfigOptions, layerConfigWith } from "../../src/NodeTenantDiscovery.js"
import type { TenantChange } from "../../src/TenantChange.js"
import type { TenantDiscoveryService } from "../../src/TenantDiscoveryService.js"
import { build, eventually, type Line } from "../node/support.js"

/** Options for short tests, whose timeouts also hold on a busy machine. */
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
  /** The proxy between the discovery and Redis. */
  readonly proxy: FaultProxy.FaultProxy
  /** The contract's variables; host and port of Redis are those of the proxy. */
  readonly variables: Readonly<Record<string, string>>
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
    return { discovery, close: Scope.close(scope, Exit.void), lines }
  })

export const isLive = (discovery: TenantDiscoveryService) =>
  eventually(discovery.status.get, ({ mode }) => mode === "Live")

/** Waits for a status with another mode, also if it is `Live` again at once. */
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

/** Reads the changes from now on; `done` answers them after the discovery has closed. */
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

/** The IDs after `changes` to `before`; `undefined` if a change is not a transition. */
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

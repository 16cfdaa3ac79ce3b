import { describe, expect, it } from "@effect/vitest"
import { Simulator } from "@tenant-discovery/simulator"
import { Effect, ExecutionStrategy, Exit, Scope } from "effect"
import { randomUUID } from "node:crypto"
import { NodeTenantDiscovery } from "../../src/node.js"
import type { TenantDiscoveryService } from "../../src/TenantDiscoveryService.js"
import { build, eventually } from "./support.js"

/** Five tenants on a Redis of their own, and the discovery from the simulator's variables. */
const start = Effect.gen(function* () {
  const simulator = yield* Simulator.make({
    environment: `test-${randomUUID()}`,
    basePath: "/internal",
    tenants: 5,
    redis: { password: "p a:ss@word" }
  })
  const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
  const layer = NodeTenantDiscovery.layerConfigWith({
    events: { backoff: { base: "10 millis", cap: "50 millis" } }
  })
  const { discovery } = yield* Scope.extend(build(layer, simulator.env), scope)
  return { simulator, discovery, close: Scope.close(scope, Exit.void) }
})

const live = (discovery: TenantDiscoveryService) =>
  eventually(discovery.status.get, ({ mode }) => mode === "Live")

/** Waits until the view equals the tenant manager's list. */
const agrees = (simulator: Simulator.SimulatorService, discovery: TenantDiscoveryService) =>
  eventually(
    Effect.zip(simulator.activeTenantIds(), discovery.activeTenantIds),
    ([truth, ids]) => truth.length === ids.length && ids.every((id) => truth.includes(id))
  )

describe("layerConfig on the simulator", () => {
  it.scopedLive("lists the tenants, applies events without a list, and closes", () =>
    Effect.gen(function* () {
      const { close, discovery, simulator } = yield* start
      expect(yield* discovery.activeTenantIds).toHaveLength(5)
      yield* agrees(simulator, discovery)
      yield* live(discovery)
      const lists = yield* simulator.listCalls

      const { tenantId } = yield* simulator.create({ id: "initech", name: "Initech" })
      yield* eventually(discovery.activeTenantIds, (ids) => ids.length === 6)
      yield* simulator.suspend(tenantId)
      yield* eventually(discovery.activeTenantIds, (ids) => ids.length === 5)
      yield* simulator.reactivate(tenantId)
      yield* eventually(discovery.activeTenantIds, (ids) => ids.length === 6)
      yield* agrees(simulator, discovery)
      expect(yield* simulator.listCalls).toBe(lists)

      yield* close
      yield* simulator.create({ id: "too-late" })
      expect(yield* discovery.activeTenantIds).toHaveLength(6)
      expect(yield* simulator.listCalls).toBe(lists)
    })
  )

  it.scopedLive("relists what changed while Redis was down", () =>
    Effect.gen(function* () {
      const { close, discovery, simulator } = yield* start
      yield* live(discovery)
      yield* simulator.redis.kill
      yield* eventually(discovery.status.get, ({ mode }) => mode !== "Live")
      expect((yield* simulator.create({ id: "initech" })).published).toBe(false)
      yield* simulator.redis.start
      yield* live(discovery)
      yield* agrees(simulator, discovery)
      expect(yield* discovery.activeTenantIds).toContain("initech")
      yield* close
    })
  )
})

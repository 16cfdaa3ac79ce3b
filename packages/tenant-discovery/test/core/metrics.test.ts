/** What is counted besides events, under the names that dashboards are built on. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { TenantDiscovery } from "../../src/index.js"
import { TestTenantManager } from "../../src/testing.js"
import { settle, world } from "./harness.js"

/** The count or value under a name, and an outcome where it has any. */
const value = (name: string, outcome?: string) =>
  Effect.map(Metric.snapshot, (pairs) => {
    const pair = pairs.find(
      ({ metricKey }) =>
        metricKey.name === name &&
        (outcome === undefined || metricKey.tags.some((tag) => tag.value === outcome))
    )
    if (pair === undefined) return 0
    const state: object = pair.metricState
    return "count" in state ? Number(state.count) : "value" in state ? Number(state.value) : 0
  })

describe("metrics", () => {
  it.scoped("count re-lists by outcome, drift, and the tenants", () =>
    Effect.gen(function* () {
      const discovery = yield* TenantDiscovery
      const manager = yield* TestTenantManager
      const before = yield* Effect.all([
        value("tenant_discovery_lists_total", "taken"),
        value("tenant_discovery_lists_total", "failed"),
        value("tenant_discovery_drift_total")
      ])

      yield* manager.add("b", "c")
      yield* discovery.refresh
      yield* manager.fail()
      yield* Effect.flip(discovery.refresh)
      yield* settle

      const after = yield* Effect.all([
        value("tenant_discovery_lists_total", "taken"),
        value("tenant_discovery_lists_total", "failed"),
        value("tenant_discovery_drift_total")
      ])
      expect(after.map((count, i) => count - (before[i] ?? 0))).toEqual([1, 1, 2])
      expect(yield* value("tenant_discovery_tenants")).toBe(3)
    }).pipe(Effect.provide(world({ tenants: ["a"] })))
  )
})

import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TenantHealth } from "../../src/index.js"
import { TestTenantDiscovery } from "../../src/testing.js"
import { advance } from "../worker/support.js"

const discovery = TestTenantDiscovery.layer(["acme", "globex"])
const health = Layer.provideMerge(TenantHealth.layer(), discovery)

const check = Effect.flatMap(TenantHealth, ({ check }) => check)

/** The status of each check, and since when. */
const checked = Effect.map(check, ({ checks, since, status }) => ({
  whole: [status, since],
  redis: [checks.redis.status, checks.redis.since],
  tenant_manager: [checks.tenant_manager.status, checks.tenant_manager.since],
  view: [checks.view.status, checks.view.since],
  workers: [checks.workers.status, checks.workers.since]
}))

const up = { whole: ["up", 0], redis: ["up", 0], tenant_manager: ["up", 0], view: ["up", 0] }

describe("TenantHealth.check", () => {
  it.scoped("is up while the discovery is live", () =>
    Effect.gen(function* () {
      yield* advance("10 minutes")
      expect(yield* checked).toEqual({ ...up, workers: ["skipped", 0] })
      const { assignment, ...report } = yield* check
      expect(report).toMatchObject({ service: "test-service", mode: "Live", activeTenants: 2 })
      expect(assignment).toEqual({
        description: "every tenant",
        ownedTenants: 2,
        members: [],
        problem: undefined
      })
    }).pipe(Effect.provide(health))
  )

  it.scoped(
    "is degraded 10 s after a loss of the subscription, and up at once when it is back",
    () =>
      Effect.gen(function* () {
        const control = yield* TestTenantDiscovery
        yield* advance("1 minute")
        yield* control.setStatus("BootstrapOnly")
        yield* advance("9999 millis")
        expect(yield* checked).toMatchObject(up)
        yield* advance("1 millis")
        expect(yield* checked).toMatchObject({
          whole: ["degraded", 70_000],
          redis: ["degraded", 70_000],
          tenant_manager: ["up", 0],
          view: ["degraded", 70_000]
        })
        yield* advance("5500 millis")
        yield* control.setStatus("Resyncing")
        expect(yield* checked).toMatchObject({
          whole: ["degraded", 70_000],
          redis: ["up", 75_500],
          view: ["degraded", 70_000]
        })
        yield* advance("100 millis")
        yield* control.setStatus("Live")
        expect(yield* checked).toMatchObject({
          whole: ["up", 75_600],
          redis: ["up", 75_500],
          view: ["up", 75_600]
        })
      }).pipe(Effect.provide(health))
  )
})

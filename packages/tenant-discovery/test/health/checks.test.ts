/** The rules of the health checks, under the test clock. */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Schedule, Stream, Subscribable } from "effect"
import {
  type DiscoveryStatus,
  TenantDiscovery,
  TenantHealth,
  type TenantHealthOptions,
  type TenantListing,
  TenantManagerUnavailable,
  TenantWorker
} from "../../src/index.js"
import {
  TestTenantAssignment,
  TestTenantDiscovery,
  TestTenantEvents,
  TestTenantManager
} from "../../src/testing.js"
import { metricValue, refresh, world } from "../core/harness.js"
import { acme, globex } from "../layers/support/tenantDb.js"
import { advance, settle } from "../worker/support.js"

const discovery = TestTenantDiscovery.layer(["acme", "globex"])

/** The health over the double, built after `before`. */
const healthy = (options?: TenantHealthOptions, before: Layer.Layer<never> = Layer.empty) =>
  TenantHealth.layer(options).pipe(Layer.provideMerge(discovery), Layer.provideMerge(before))

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

const setMode = (mode: "Live" | "Resyncing" | "BootstrapOnly") =>
  Effect.flatMap(TestTenantDiscovery, (control) => control.setStatus(mode))

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
    }).pipe(Effect.provide(healthy()))
  )

  it.scoped("is degraded 10 s after a loss of the subscription, and up at once after it", () =>
    Effect.gen(function* () {
      yield* advance("1 minute")
      yield* setMode("BootstrapOnly")
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
      yield* setMode("Resyncing")
      expect(yield* checked).toMatchObject({
        whole: ["degraded", 70_000],
        redis: ["up", 75_500],
        view: ["degraded", 70_000]
      })
      yield* advance("100 millis")
      yield* setMode("Live")
      expect(yield* checked).toMatchObject({
        whole: ["up", 75_600],
        redis: ["up", 75_500],
        view: ["up", 75_600]
      })
    }).pipe(Effect.provide(healthy()))
  )

  it.scoped("does not change while the subscription is lost again and again for a short time", () =>
    Effect.gen(function* () {
      for (let loss = 0; loss < 5; loss++) {
        yield* setMode("BootstrapOnly")
        yield* advance("6 seconds")
        yield* setMode("Resyncing")
        yield* advance("3 seconds")
        yield* setMode("Live")
        yield* advance("1 second")
        expect(yield* checked).toMatchObject(up)
      }
    }).pipe(Effect.provide(healthy()))
  )

  it.scoped("is degraded where the subscription never stays for long enough to list", () =>
    Effect.gen(function* () {
      for (let loss = 0; loss < 3; loss++) {
        yield* setMode("BootstrapOnly")
        yield* advance("3 seconds")
        yield* setMode("Resyncing")
        yield* advance("2 seconds")
      }
      expect(yield* checked).toMatchObject({
        whole: ["degraded", 10_000],
        redis: ["up", 0],
        view: ["degraded", 10_000]
      })
    }).pipe(Effect.provide(healthy()))
  )

  it.scoped("knows since when also where nobody asked in between", () =>
    Effect.gen(function* () {
      yield* advance("1 minute")
      yield* setMode("BootstrapOnly")
      yield* advance("11100 millis")
      yield* setMode("Resyncing")
      yield* setMode("Live")
      yield* advance("3 minutes")
      expect(yield* checked).toMatchObject({
        whole: ["up", 71_100],
        redis: ["up", 71_100],
        view: ["up", 71_100]
      })
      yield* setMode("BootstrapOnly")
      yield* advance("4 minutes")
      expect(yield* checked).toMatchObject({ whole: ["degraded", 261_100] })
    }).pipe(Effect.provide(healthy()))
  )

  it.scoped("is down when the view is older than `maxStaleness`, and no longer after a list", () =>
    Effect.gen(function* () {
      yield* setMode("BootstrapOnly")
      yield* advance("5 minutes")
      expect(yield* checked).toMatchObject({ view: ["degraded", 10_000] })
      yield* advance("1 second")
      expect(yield* checked).toMatchObject({
        whole: ["down", 300_000],
        redis: ["degraded", 10_000],
        tenant_manager: ["up", 0],
        view: ["down", 300_000]
      })
      expect((yield* check).checks.view.reason).toBe(
        "the tenants were last known to be right 5m 1s ago; at most 5m is allowed"
      )
      yield* refresh
      expect(yield* checked).toMatchObject({
        whole: ["degraded", 301_000],
        view: ["degraded", 301_000]
      })
    }).pipe(Effect.provide(healthy()))
  )

  it.scoped("is degraded while lists fail, with the reason, and up at once after a list", () =>
    Effect.gen(function* () {
      const control = yield* TestTenantDiscovery
      yield* advance("1 minute")
      yield* control.failNextRefresh()
      yield* Effect.flip(refresh)
      yield* advance("10 seconds")
      yield* control.failNextRefresh(
        new TenantManagerUnavailable({
          operation: "list",
          message: "refused by the test",
          status: 503,
          retryAfter: undefined,
          cause: undefined
        })
      )
      yield* Effect.flip(refresh)
      expect(yield* checked).toMatchObject({
        whole: ["degraded", 70_000],
        redis: ["up", 0],
        tenant_manager: ["degraded", 70_000],
        view: ["up", 0]
      })
      const { reason } = (yield* check).checks.tenant_manager
      expect(reason).toBe("the tenants cannot be listed: refused by the test; retrying")
      yield* advance("3 seconds")
      yield* refresh
      expect(yield* checked).toMatchObject({
        whole: ["up", 73_000],
        tenant_manager: ["up", 73_000]
      })
    }).pipe(Effect.provide(healthy()))
  )

  it.scoped("names the failure of the lists also after a later failure of the subscription", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      yield* manager.fail()
      yield* Effect.flip(refresh)
      yield* settle
      yield* events.lose()
      yield* advance("12 seconds")
      const { checks } = yield* check
      expect(checks.tenant_manager.status).toBe("degraded")
      expect(checks.tenant_manager.reason).toContain("503")
      expect(checks.redis.status).toBe("degraded")
    }).pipe(
      Effect.provide(
        Layer.provideMerge(
          TenantHealth.layer(),
          world({
            tenants: ["a"],
            discovery: { relistBackoff: "1 hour", relistBackoffCap: "1 hour" }
          })
        )
      )
    )
  )

  it.scoped("is degraded while lists are incomplete and lack present tenants", () => {
    let remarks: Partial<TenantListing> = {}
    const incomplete = { complete: false, skipped: 1 }
    const over = world({
      tenants: ["acme", "globex"],
      list: Effect.map((listing) => ({ ...listing, ...remarks })),
      discovery: { reconcileInterval: "4 seconds", reconcileJitter: 0 }
    })
    return Effect.gen(function* () {
      const manager = yield* TestTenantManager
      remarks = incomplete
      yield* advance("20 seconds")
      // The lists lack nobody.
      expect(yield* checked).toMatchObject({ tenant_manager: ["up", 0] })
      yield* manager.remove("globex")
      yield* advance("4 seconds")
      expect(yield* checked).toMatchObject({ tenant_manager: ["up", 0] })
      yield* advance("12 seconds")
      expect(yield* checked).toMatchObject({ tenant_manager: ["degraded", 34_000] })
      remarks = {}
      yield* advance("4 seconds")
      expect(yield* checked).toMatchObject({ tenant_manager: ["up", 40_000] })
    }).pipe(Effect.provide(Layer.provideMerge(TenantHealth.layer(), over)))
  })

  it.scoped("is degraded at once where the program started without a subscription", () =>
    Effect.gen(function* () {
      const { status } = yield* check
      expect(status).toBe("degraded")
    }).pipe(
      Effect.provide(
        TenantHealth.layer().pipe(
          Layer.provideMerge(
            Layer.effectDiscard(
              Effect.flatMap(TestTenantDiscovery, (control) => control.setStatus("BootstrapOnly"))
            )
          ),
          Layer.provideMerge(discovery)
        )
      )
    )
  )

  it.scoped("is skipped in single-tenant mode", () =>
    Effect.gen(function* () {
      yield* advance("10 minutes")
      const { checks, status } = yield* check
      expect(status).toBe("skipped")
      expect(Object.values(checks).map((one) => one.status)).toEqual([
        "skipped",
        "skipped",
        "skipped",
        "skipped"
      ])
    }).pipe(
      Effect.provide(
        Layer.provideMerge(
          TenantHealth.layer(),
          TenantDiscovery.layerSingleTenant({ service: "ledger" })
        )
      )
    )
  )

  it.scoped(
    "works over a discovery that the program wraps, and is down where it never listed",
    () => {
      const never = (status: DiscoveryStatus): DiscoveryStatus => ({
        ...status,
        lastListedAt: undefined
      })
      const wrapped = Layer.effect(
        TenantDiscovery,
        Effect.map(TenantDiscovery, (inner) => ({
          ...inner,
          status: Subscribable.make({
            get: Effect.map(inner.status.get, never),
            changes: Stream.map(inner.status.changes, never)
          })
        }))
      )
      return Effect.gen(function* () {
        const { checks, status } = yield* check
        expect(status).toBe("down")
        expect(checks.view.reason).toBe("the tenants were never listed")
      }).pipe(
        Effect.provide(
          TenantHealth.layer().pipe(Layer.provideMerge(wrapped), Layer.provideMerge(discovery))
        )
      )
    }
  )

  it("refuses an option that is not valid", () => {
    expect(() => TenantHealth.layer({ maxStaleness: "-1 second" })).toThrow(
      'TenantHealth.layer: option "maxStaleness": expected a duration greater than 0'
    )
  })
})

describe("the check of the workers", () => {
  const perTenant = (run: Effect.Effect<unknown, string>, maxTenants = 0) =>
    TenantWorker.perTenant({ name: "relay", run, maxTenants })

  const over = (
    worker: Layer.Layer<never, never, TenantDiscovery>,
    options?: TenantHealthOptions
  ) => worker.pipe(Layer.provideMerge(TenantHealth.layer(options)), Layer.provideMerge(discovery))

  const workers = Effect.map(check, ({ checks: { workers } }) => workers)

  it.scoped("is up while one fails", () =>
    Effect.gen(function* () {
      yield* advance("5 minutes")
      expect(yield* workers).toMatchObject({ status: "up", since: 0 })
      expect((yield* check).status).toBe("up")
    }).pipe(Effect.provide(over(perTenant(Effect.fail("no")))))
  )

  it.scoped("is degraded when tenants have waited for a place for a minute, until none waits", () =>
    Effect.gen(function* () {
      const control = yield* TestTenantDiscovery
      yield* advance("59 seconds")
      expect(yield* workers).toMatchObject({ status: "up" })
      yield* advance("6 seconds")
      expect(yield* workers).toMatchObject({
        status: "degraded",
        reason: "tenants that wait for a place or missed their turn: 1",
        since: 60_000
      })
      expect((yield* check).status).toBe("degraded")
      yield* control.remove("globex")
      yield* settle
      expect(yield* workers).toMatchObject({ status: "up", since: 65_000 })
    }).pipe(Effect.provide(over(perTenant(Effect.never, 1))))
  )

  it.scoped("is degraded while a run is under way for too long", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const worker = TenantWorker.scheduled({
        name: "job",
        schedule: Schedule.spaced("1 second"),
        longRunAfter: "30 seconds",
        run: Deferred.await(gate)
      })
      yield* Effect.gen(function* () {
        yield* advance("30 seconds")
        expect(yield* workers).toMatchObject({ status: "up" })
        yield* advance("1 second")
        expect(yield* workers).toMatchObject({
          status: "degraded",
          reason: "runs under way for too long: 2",
          since: 31_000
        })
        yield* Deferred.succeed(gate, undefined)
        yield* settle
        expect(yield* workers).toMatchObject({ status: "up", since: 31_000 })
      }).pipe(Effect.provide(over(worker)))
    })
  )

  it.scoped("is degraded while tenants miss their turns, not while a tick takes its time", () =>
    Effect.gen(function* () {
      const worker = (every: "10 seconds" | "10 minutes") =>
        TenantWorker.scheduled({
          name: "job",
          schedule: Schedule.spaced(every),
          concurrency: 1,
          longRunAfter: "1 hour",
          drain: 0,
          run: Effect.never
        })
      yield* Effect.gen(function* () {
        yield* advance("12 minutes")
        expect(yield* workers).toMatchObject({ status: "up" })
      }).pipe(Effect.provide(over(worker("10 minutes"))))
      yield* Effect.gen(function* () {
        yield* advance("90 seconds")
        expect(yield* workers).toMatchObject({ status: "degraded" })
      }).pipe(Effect.provide(over(worker("10 seconds"))))
    })
  )

  it.scoped("is degraded in single-tenant mode too", () =>
    Effect.gen(function* () {
      yield* advance("65 seconds")
      expect((yield* check).status).toBe("degraded")
    }).pipe(
      Effect.provide(
        perTenant(Effect.never, 1).pipe(
          Layer.provideMerge(TenantHealth.layer()),
          Layer.provideMerge(
            TenantDiscovery.layerSingleTenant({
              tenants: [
                { id: acme, name: undefined },
                { id: globex, name: undefined }
              ]
            })
          )
        )
      )
    )
  )

  it.scoped("is degraded while the assignment has a problem, which the report names", () =>
    Effect.gen(function* () {
      const replica = yield* TestTenantAssignment
      yield* replica.freeze
      yield* advance("5 seconds")
      expect(yield* workers).toMatchObject({ status: "up" })
      yield* advance("15 seconds")
      const { assignment, checks } = yield* check
      expect(assignment.problem).toBeDefined()
      expect(checks.workers.status).toBe("degraded")
      expect(checks.workers.reason).toContain(String(assignment.problem))
      yield* replica.thaw
      expect(yield* workers).toMatchObject({ status: "up", since: 20_000 })
    }).pipe(
      Effect.provide(
        over(perTenant(Effect.never)).pipe(Layer.provideMerge(TestTenantAssignment.layer(["acme"])))
      )
    )
  )
})

describe("the gauge of the assigned tenants", () => {
  it.effect("counts the tenants that are this replica's, and is 0 after the close", () => {
    const gauge = metricValue("tenant_discovery_assigned_tenants", { service: "test-service" })
    return Effect.gen(function* () {
      yield* Effect.gen(function* () {
        const replica = yield* TestTenantAssignment
        expect(yield* gauge).toBe(1)
        yield* replica.assign("globex")
        yield* advance("5 seconds")
        expect(yield* gauge).toBe(2)
        expect((yield* check).assignment.ownedTenants).toBe(2)
      }).pipe(
        Effect.provide(
          Layer.provideMerge(healthy(), TestTenantAssignment.layer(["acme", "unknown"]))
        )
      )
      expect(yield* gauge).toBe(0)
    })
  })
})

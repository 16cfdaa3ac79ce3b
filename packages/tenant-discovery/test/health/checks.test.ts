/** The rules of the health checks, under the test clock. */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Layer, Record, Schedule, Stream, Subscribable } from "effect"
import {
  type DiscoveryMode,
  type DiscoveryStatus,
  TenantDiscovery,
  TenantHealth,
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
import { advance, settle, testOver } from "../worker/support.js"

const discovery = TestTenantDiscovery.layer(["acme", "globex"])

/** The health over a discovery. */
const over = <A, E>(layer: Layer.Layer<A | TenantDiscovery, E>) =>
  Layer.provideMerge(TenantHealth.layer(), layer)

const healthy = over(discovery)

const check = Effect.flatMap(TenantHealth, ({ check }) => check)

/** The statuses, each with the second since when, such as `up 0`. */
const checked = Effect.map(check, ({ checks, since, status }) =>
  Record.map(
    { whole: { status, since }, ...checks },
    ({ since, status }) => `${status} ${since / 1000}`
  )
)

/** The same without the workers, in a line. */
const inShort = Effect.map(
  checked,
  ({ redis, tenant_manager, view, whole }) =>
    `whole ${whole}, redis ${redis}, lists ${tenant_manager}, view ${view}`
)

const up = "whole up 0, redis up 0, lists up 0, view up 0"

/** What the mode becomes, for how many seconds it stays, and what the checks say then. */
type Modes = ReadonlyArray<readonly [mode: DiscoveryMode, seconds: number, checks?: string]>

const repeated = (times: number, ...modes: Modes): Modes =>
  Array.from({ length: times }, () => modes).flat()

describe("TenantHealth.check", () => {
  it.scoped.each<readonly [string, Modes]>([
    [
      "is degraded 10 s after a loss of the subscription, and up at once after it",
      [
        ["Live", 60, up],
        ["BootstrapOnly", 9.999, up],
        [
          "BootstrapOnly",
          0.001,
          "whole degraded 70, redis degraded 70, lists up 0, view degraded 70"
        ],
        ["BootstrapOnly", 5.499],
        ["Resyncing", 0.1, "whole degraded 70, redis up 75.499, lists up 0, view degraded 70"],
        ["Live", 0, "whole up 75.599, redis up 75.499, lists up 0, view up 75.599"]
      ]
    ],
    [
      "does not change while the subscription is lost again and again for a short time",
      repeated(5, ["BootstrapOnly", 6], ["Resyncing", 3], ["Live", 1, up])
    ],
    [
      "is degraded where the subscription never stays for long enough to list",
      [
        ...repeated(3, ["BootstrapOnly", 3], ["Resyncing", 2]),
        ["Resyncing", 0, "whole degraded 10, redis up 0, lists up 0, view degraded 10"]
      ]
    ],
    [
      "knows since when also where nobody asked in between",
      [
        ["Live", 60],
        ["BootstrapOnly", 11.1],
        ["Resyncing", 0],
        ["Live", 180, "whole up 71.1, redis up 71.1, lists up 0, view up 71.1"],
        [
          "BootstrapOnly",
          240,
          "whole degraded 261.1, redis degraded 261.1, lists up 0, view degraded 261.1"
        ]
      ]
    ]
  ])("%s", ([, modes]) =>
    Effect.gen(function* () {
      const control = yield* TestTenantDiscovery
      for (const [mode, seconds, checks] of modes) {
        yield* control.setStatus(mode)
        yield* advance(Duration.seconds(seconds))
        if (checks !== undefined) expect(yield* inShort).toBe(checks)
      }
    }).pipe(Effect.provide(healthy))
  )

  testOver(healthy)("is up while the discovery is live, and reports it", function* () {
    yield* advance("10 minutes")
    expect(yield* inShort).toBe(up)
    expect((yield* checked).workers).toBe("skipped 0")
    expect(yield* check).toMatchObject({
      service: "test-service",
      mode: "Live",
      activeTenants: 2,
      assignment: { description: "every tenant", ownedTenants: 2, members: [], problem: undefined }
    })
  })

  testOver(healthy)(
    "is down when the view is older than `maxStaleness`, and no longer after a list",
    function* () {
      yield* (yield* TestTenantDiscovery).setStatus("BootstrapOnly")
      yield* advance("5 minutes")
      expect((yield* checked).view).toBe("degraded 10")
      yield* advance("1 second")
      expect(yield* inShort).toBe("whole down 300, redis degraded 10, lists up 0, view down 300")
      expect((yield* check).checks.view.reason).toBe(
        "the tenants were last known to be right 5m 1s ago; at most 5m is allowed"
      )
      yield* refresh
      expect(yield* checked).toMatchObject({ whole: "degraded 301", view: "degraded 301" })
    }
  )

  testOver(healthy)(
    "is degraded while lists fail, with the reason, and up at once after a list",
    function* () {
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
      expect(yield* inShort).toBe("whole degraded 70, redis up 0, lists degraded 70, view up 0")
      const { reason } = (yield* check).checks.tenant_manager
      expect(reason).toBe("the tenants cannot be listed: refused by the test; retrying")
      yield* advance("3 seconds")
      yield* refresh
      expect(yield* inShort).toBe("whole up 73, redis up 0, lists up 73, view up 0")
    }
  )

  testOver(
    over(
      world({ tenants: ["a"], discovery: { relistBackoff: "1 hour", relistBackoffCap: "1 hour" } })
    )
  )("names the failure of the lists also after a later failure of the subscription", function* () {
    yield* (yield* TestTenantManager).fail()
    yield* Effect.flip(refresh)
    yield* settle
    yield* (yield* TestTenantEvents).lose()
    yield* advance("12 seconds")
    const { redis, tenant_manager } = (yield* check).checks
    expect([redis.status, tenant_manager.status]).toEqual(["degraded", "degraded"])
    expect(tenant_manager.reason).toContain("503")
  })

  let remarks: Partial<TenantListing> = {}
  testOver(
    over(
      world({
        tenants: ["acme", "globex"],
        list: Effect.map((listing) => ({ ...listing, ...remarks })),
        discovery: { reconcileInterval: "4 seconds", reconcileJitter: 0 }
      })
    )
  )("is degraded while lists are incomplete and lack present tenants", function* () {
    remarks = { complete: false, skipped: 1 }
    yield* advance("20 seconds")
    // The lists lack nobody.
    expect((yield* checked).tenant_manager).toBe("up 0")
    yield* (yield* TestTenantManager).remove("globex")
    yield* advance("4 seconds")
    expect((yield* checked).tenant_manager).toBe("up 0")
    yield* advance("12 seconds")
    expect((yield* checked).tenant_manager).toBe("degraded 34")
    remarks = {}
    yield* advance("4 seconds")
    expect((yield* checked).tenant_manager).toBe("up 40")
  })

  const unsubscribed = Layer.effectDiscard(
    Effect.flatMap(TestTenantDiscovery, (control) => control.setStatus("BootstrapOnly"))
  )
  testOver(over(Layer.provideMerge(unsubscribed, discovery)))(
    "is degraded at once where the program started without a subscription",
    function* () {
      expect((yield* check).status).toBe("degraded")
    }
  )

  testOver(over(TenantDiscovery.layerSingleTenant({ service: "ledger" })))(
    "is skipped in single-tenant mode",
    function* () {
      yield* advance("10 minutes")
      const statuses = new Set(Object.values(yield* checked).map((text) => text.split(" ")[0]))
      expect([...statuses]).toEqual(["skipped"])
    }
  )

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
  testOver(over(Layer.provideMerge(wrapped, discovery)))(
    "works over a discovery that the program wraps, and is down where it never listed",
    function* () {
      const { checks, status } = yield* check
      expect(status).toBe("down")
      expect(checks.view.reason).toBe("the tenants were never listed")
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

  const beside = (worker: Layer.Layer<never, never, TenantDiscovery>) =>
    Layer.provideMerge(worker, healthy)

  /** Such as `up 0: no tenant waits, no run hangs`. */
  const workers = Effect.map(
    check,
    ({ checks: { workers } }) => `${workers.status} ${workers.since / 1000}: ${workers.reason}`
  )
  const fine = "no tenant waits, no run hangs"

  testOver(beside(perTenant(Effect.fail("no"))))("is up while one fails", function* () {
    yield* advance("5 minutes")
    expect(yield* workers).toBe(`up 0: ${fine}`)
    expect((yield* check).status).toBe("up")
  })

  testOver(beside(perTenant(Effect.never, 1)))(
    "is degraded when tenants have waited for a place for a minute, until none waits",
    function* () {
      yield* advance("59 seconds")
      expect(yield* workers).toBe(`up 0: ${fine}`)
      yield* advance("6 seconds")
      expect(yield* workers).toBe(
        "degraded 60: tenants that wait for a place or missed their turn: 1"
      )
      expect((yield* check).status).toBe("degraded")
      yield* (yield* TestTenantDiscovery).remove("globex")
      yield* settle
      expect(yield* workers).toBe(`up 65: ${fine}`)
    }
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
        expect(yield* workers).toBe(`up 0: ${fine}`)
        yield* advance("1 second")
        expect(yield* workers).toBe("degraded 31: runs under way for too long: 2")
        yield* Deferred.succeed(gate, undefined)
        yield* settle
        expect(yield* workers).toBe(`up 31: ${fine}`)
      }).pipe(Effect.provide(beside(worker)))
    })
  )

  it.scoped.each([
    ["up 0: no tenant waits", "a tick takes its time", "10 minutes", "12 minutes"],
    ["degraded 85: tenants that wait", "tenants miss their turns", "10 seconds", "90 seconds"]
  ] as const)("is %s while %s", ([expected, , interval, passed]) =>
    Effect.gen(function* () {
      yield* advance(passed)
      expect(yield* workers).toContain(expected)
    }).pipe(
      Effect.provide(
        beside(
          TenantWorker.scheduled({
            name: "job",
            schedule: Schedule.spaced(interval),
            concurrency: 1,
            longRunAfter: "1 hour",
            drain: 0,
            run: Effect.never
          })
        )
      )
    )
  )

  const tenants = [acme, globex].map((id) => ({ id, name: undefined }))
  testOver(
    Layer.provideMerge(
      perTenant(Effect.never, 1),
      over(TenantDiscovery.layerSingleTenant({ tenants }))
    )
  )("is degraded in single-tenant mode too", function* () {
    yield* advance("65 seconds")
    expect((yield* check).status).toBe("degraded")
  })

  testOver(
    Layer.provideMerge(beside(perTenant(Effect.never)), TestTenantAssignment.layer(["acme"]))
  )("is degraded while the assignment has a problem, which the report names", function* () {
    const replica = yield* TestTenantAssignment
    yield* replica.freeze
    yield* advance("5 seconds")
    expect(yield* workers).toBe(`up 0: ${fine}`)
    yield* advance("15 seconds")
    const { problem } = (yield* check).assignment
    expect(problem).toBeDefined()
    expect(yield* workers).toBe(`degraded 10: assignment: ${problem}`)
    yield* replica.thaw
    expect(yield* workers).toBe(`up 20: ${fine}`)
  })
})

it.effect(
  "the gauge of the assigned tenants counts this replica's, and is 0 after the close",
  () => {
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
        Effect.provide(Layer.provideMerge(healthy, TestTenantAssignment.layer(["acme", "unknown"])))
      )
      expect(yield* gauge).toBe(0)
    })
  }
)

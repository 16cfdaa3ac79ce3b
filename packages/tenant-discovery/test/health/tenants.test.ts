/** What the health knows of one tenant. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Scope } from "effect"
import { failureText, secretsOf } from "../../src/internal/failureText.js"
import { decodeSettings } from "../../src/internal/connections/connectionSchema.js"
import { makeHistory } from "../../src/internal/health/history.js"
import { applyChanges } from "../../src/internal/view/edit.js"
import {
  TenantConnections,
  TenantDiscovery,
  TenantHealth,
  TenantId,
  TenantView,
  TenantWorker
} from "../../src/index.js"
import {
  TestEvent,
  TestTenantAssignment,
  TestTenantDiscovery,
  TestTenantEvents,
  TestTenantManager
} from "../../src/testing.js"
import { refresh, SERVICE, world } from "../core/harness.js"
import { bodyOf, unavailable } from "../connections/support/world.js"
import {
  acme,
  begin,
  beginFailing,
  globex,
  initech,
  scenario,
  use
} from "../layers/support/tenantDb.js"
import { advance, settle } from "../worker/support.js"

const tenant = (id: TenantId) => Effect.flatMap(TenantHealth, (health) => health.tenant(id))

const over = <A, E>(discovery: Layer.Layer<A | TenantDiscovery, E>) =>
  Layer.provideMerge(TenantHealth.layer(), discovery)

describe("TenantHealth.tenant", () => {
  it.scoped("tells since when a tenant is active or removed, and why", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      expect(yield* tenant(acme)).toEqual({
        id: acme,
        name: "Acme",
        active: true,
        since: 0,
        lastChange: { _tag: "Added", by: "Listing" },
        owner: undefined,
        ownedByThisReplica: true,
        connections: undefined,
        pools: [],
        workers: new Map()
      })
      yield* advance("10 seconds")
      yield* events.send(TestEvent.associated("globex", SERVICE))
      yield* advance("10 seconds")
      yield* manager.add("globex", "initech")
      yield* refresh
      yield* settle
      expect(yield* tenant(globex)).toMatchObject({
        since: 10_000,
        lastChange: { _tag: "Added", by: "Event" }
      })
      expect(yield* tenant(initech)).toMatchObject({
        since: 20_000,
        lastChange: { _tag: "Added", by: "Listing" }
      })
      yield* advance("10 seconds")
      yield* events.send(TestEvent.suspended("acme", SERVICE))
      yield* manager.remove("acme", "initech")
      yield* refresh
      // Nobody asks until later.
      yield* advance("1 minute")
      expect(yield* tenant(acme)).toMatchObject({
        name: "Acme",
        active: false,
        ownedByThisReplica: false,
        since: 30_000,
        lastChange: {
          _tag: "Removed",
          cause: { _tag: "Event", eventType: "tenant.service.suspended" }
        }
      })
      expect(yield* tenant(initech)).toMatchObject({
        active: false,
        since: 30_000,
        lastChange: { _tag: "Removed", cause: { _tag: "Listing" } }
      })
    }).pipe(Effect.provide(over(world({ tenants: [{ id: acme, name: "Acme" }] }))))
  )

  it.scoped("knows a tenant that left and came back between two questions", () =>
    Effect.gen(function* () {
      const control = yield* TestTenantDiscovery
      yield* advance("1 minute")
      yield* control.remove("acme")
      yield* control.add("acme")
      yield* advance("1 minute")
      expect(yield* tenant(acme)).toMatchObject({ active: true, since: 60_000 })
    }).pipe(Effect.provide(over(TestTenantDiscovery.layer(["acme"]))))
  )

  it.scoped("fails with TenantNotFound for a tenant that was never seen", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(tenant(globex))
      expect(error._tag).toBe("TenantNotFound")
      expect(error.tenantId).toBe(globex)
      expect(error.message).toBe("tenant globex is not active, and was not while this program runs")
    }).pipe(Effect.provide(over(TestTenantDiscovery.layer(["acme"]))))
  )

  it.scoped("says `Program` in single-tenant mode", () =>
    Effect.gen(function* () {
      expect((yield* tenant(acme)).lastChange).toEqual({ _tag: "Added", by: "Program" })
    }).pipe(
      Effect.provide(
        over(TenantDiscovery.layerSingleTenant({ tenants: [{ id: acme, name: undefined }] }))
      )
    )
  )

  it.scoped("names the owner, and the states of its workers", () =>
    Effect.gen(function* () {
      const health = yield* TenantHealth
      yield* settle
      expect(yield* tenant(acme)).toMatchObject({
        owner: { address: "test-replica" },
        ownedByThisReplica: true
      })
      expect((yield* tenant(acme)).workers.get("relay")).toMatchObject({ state: "Running" })
      expect(yield* tenant(globex)).toMatchObject({
        owner: undefined,
        ownedByThisReplica: false,
        workers: new Map()
      })
      const workers = yield* health.workers
      expect([...workers.keys()]).toEqual(["relay"])
      expect([...(workers.get("relay")?.keys() ?? [])]).toEqual([acme])
    }).pipe(
      Effect.provide(
        TenantWorker.perTenant({ name: "relay", run: Effect.never }).pipe(
          Layer.provideMerge(over(TestTenantDiscovery.layer(["acme", "globex"]))),
          Layer.provideMerge(TestTenantAssignment.layer(["acme"]))
        )
      )
    )
  )

  it("remembers the last 1000 removed tenants alone", () => {
    const id = (n: number) => TenantId.make(`tenant-${n}`)
    const history = makeHistory(TenantView.make(), 0)
    let view = TenantView.make()
    const change = (_tag: "Added" | "Removed", n: number) => {
      const tenant = { id: id(n), name: undefined }
      const cause = { _tag: "Listing" } as const
      view = applyChanges(view, [_tag === "Added" ? { _tag, tenant } : { _tag, tenant, cause }])
      history.observe(view, n)
    }
    for (let n = 0; n < 3000; n++) change("Added", n)
    for (let n = 0; n < 3000; n++) change("Removed", n)
    const remembered = Array.from({ length: 3000 }, (_, n) => n).filter((n) => history.get(id(n)))
    expect(remembered.length).toBe(1000)
    expect(remembered[0]).toBe(2000)
    change("Added", 2000)
    change("Added", 1)
    expect(history.get(id(2000))).toMatchObject({ active: true })
    expect(history.get(id(1))).toMatchObject({ active: true })
  })
})

describe("the connections and pools in a report", () => {
  const inHealth = <A, E, R>(effect: Effect.Effect<A, E, R | TenantHealth>) =>
    Effect.provide(effect, TenantHealth.layer())

  scenario("are there where the program uses them", function* ({ factory }) {
    yield* inHealth(
      Effect.gen(function* () {
        expect(yield* tenant(acme)).toMatchObject({ connections: undefined, pools: [] })
        const { release } = yield* use(acme)
        expect(yield* tenant(acme)).toMatchObject({
          connections: { loadedAt: 0, stale: false, lastFailure: undefined },
          pools: [{ pool: "test/TenantDb", state: "Ready", holders: 1, lastFailure: undefined }]
        })
        expect((yield* tenant(globex)).pools).toEqual([])
        yield* release
        expect((yield* tenant(acme)).pools).toMatchObject([{ state: "Ready", holders: 0 }])
        factory.build = () => Effect.never
        yield* begin(use(globex))
        expect((yield* tenant(globex)).pools).toMatchObject([{ state: "Building", holders: 1 }])
        yield* advance("121 seconds")
        expect((yield* tenant(acme)).connections).toMatchObject({ loadedAt: 0, stale: true })
      })
    )
  })

  scenario(
    "tell of a caller that waits for a place",
    function* () {
      yield* inHealth(
        Effect.gen(function* () {
          yield* use(acme)
          yield* begin(use(globex))
          expect((yield* tenant(globex)).pools).toMatchObject([{ state: "Waiting", holders: 0 }])
        })
      )
    },
    { maxTenants: 1 }
  )

  scenario("show the last failure without a secret", function* ({ factory, world }) {
    yield* inHealth(
      Effect.gen(function* () {
        yield* advance("1 minute")
        factory.build = () => Effect.fail('no way in with "acme#0" at postgres://worker:x@db:5432')
        const failing = yield* beginFailing(acme)
        yield* failing
        const { pools } = yield* tenant(acme)
        expect(pools).toMatchObject([{ state: "Failed", holders: 0 }])
        expect(pools[0]?.lastFailure).toEqual({
          at: 60_000,
          message: 'no way in with "***" at postgres://***@db:5432'
        })
        world.failure = unavailable
        yield* Effect.flip(Effect.flatMap(TenantConnections, ({ get }) => get(initech)))
        expect((yield* tenant(initech)).connections).toEqual({
          loadedAt: undefined,
          stale: false,
          lastFailure: { at: 60_000, message: "TenantManagerUnavailable: unavailable" }
        })
      })
    )
  })

  it.scoped("are forgotten when their layers close", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      yield* Layer.buildWithScope(TenantConnections.layer(), scope)
      const { get } = yield* Layer.buildWithScope(TenantConnections.layer(), scope).pipe(
        Effect.flatMap((context) => Effect.provide(TenantConnections, context))
      )
      yield* Effect.flip(get(acme))
      expect((yield* tenant(acme)).connections?.lastFailure).toBeDefined()
      yield* Scope.close(scope, Exit.void)
      expect((yield* tenant(acme)).connections).toBeUndefined()
    }).pipe(Effect.provide(over(world({ tenants: ["acme"] }))))
  )
})

describe("the text of a failure", () => {
  const text = (message: string, secrets?: ReadonlyArray<string>) =>
    failureText(Cause.fail(new Error(message)), secrets)

  it("shows neither credentials in a URL nor the value of a password", () => {
    for (const [message, shown] of [
      ["connect amqp://u:s3cret@host:5672 failed", "connect amqp://***@host:5672 failed"],
      ["mongodb+srv://u:s3cret@h1,h2/db", "mongodb+srv://***@h1,h2/db"],
      ["postgres://u:s3@cret@host/db", "postgres://***@host/db"],
      ["password=s3cret host=db", "password=*** host=db"],
      ['{"password":"s3cret with \\u0020"}', '{"password":***}'],
      ["password: 's3cret'", "password: ***"],
      ["Authorization: Bearer s3cret", "Authorization: ***"],
      ["api_key=s3cret&x=1", "api_key=***&x=1"],
      ["password authentication failed for user worker", undefined],
      ["invalid URL redis://u:s3/cret@host", "invalid URL redis://***@host"],
      ["see https://docs.example/a", undefined]
    ] as const) {
      expect(text(message)).toBe(`Error: ${shown ?? message}`)
      expect(text(message)).not.toContain("s3cret")
    }
  })

  it("shows no secret of the tenant's settings, in whatever spelling", () =>
    Effect.gen(function* () {
      const settings = yield* decodeSettings(bodyOf(acme, 7))
      expect(secretsOf(settings)).toEqual(["acme#7"])
      expect(text("acme#7 and acme%237", secretsOf(settings))).toBe("Error: *** and ***")
    }).pipe(Effect.runPromise))

  it("is short, also for an error that cannot be shown", () => {
    expect(text("x".repeat(10_000)).length).toBe(500)
    const error = {
      toJSON: () => {
        throw new Error("no")
      }
    }
    expect(typeof failureText(Cause.fail(error))).toBe("string")
  })
})

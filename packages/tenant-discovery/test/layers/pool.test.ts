/** Use of resources, the cap, and builds that fail, hang or ignore their interruption. */
import { describe, expect, it } from "@effect/vitest"
import {
  ConfigProvider,
  Context,
  Deferred,
  Duration,
  Effect,
  Fiber,
  FiberRef,
  HashMap,
  Layer,
  LogLevel,
  TestClock
} from "effect"
import { CurrentTenant } from "../../src/CurrentTenant.js"
import type { TenantId } from "../../src/Tenant.js"
import { TenantConnections } from "../../src/TenantConnections.js"
import * as TenantLayers from "../../src/TenantLayers.js"
import { atOnce, eventually } from "../connections/support/eventually.js"
import { unavailable, World } from "../connections/support/world.js"
import {
  acme,
  begin,
  beginFailing,
  Db,
  Factory,
  globex,
  initech,
  once,
  scenario,
  TenantDb,
  use
} from "./support/tenantDb.js"

const { adjust } = TestClock

class Request extends Context.Tag("test/Request")<Request, string>() {}

describe("use", () => {
  scenario(
    "concurrent first callers share one build, which no one of them ends",
    function* ({ factory, world }) {
      const gate = yield* Deferred.make<void>()
      factory.build = () => Deferred.await(gate)
      const first = yield* begin(use(acme))
      yield* eventually(() => factory.alive === 1)
      const others = yield* begin(atOnce(100, use(acme)))
      yield* Fiber.interrupt(first)
      yield* Deferred.succeed(gate, undefined)
      const got = new Set((yield* Fiber.join(others)).map(({ db }) => db))
      expect([...got]).toMatchObject([{ closed: false }])
      expect(factory.built.length).toBe(1)
      expect(world.callsFor(acme)).toBe(1)
    }
  )

  scenario("current is the resource of the current tenant", function* () {
    const work = Effect.map(Db, ({ tenantId }) => tenantId)
    for (const id of [acme, globex]) {
      const forTenant = CurrentTenant.provide(id)
      expect(yield* forTenant(Effect.provide(work, TenantDb.current))).toBe(id)
      expect(yield* forTenant(TenantDb.provideCurrent(work))).toBe(id)
    }
  })

  scenario(
    "an unused resource is released after the idle timeout",
    function* ({ factory }) {
      const first = yield* use(acme)
      for (let n = 0; n < 2; n++) {
        const again = yield* use(acme)
        expect(again.db).toBe(first.db)
        yield* first.release
        yield* adjust("1 hour")
        yield* again.release
        yield* adjust("59 seconds")
        expect(factory.released).toEqual([])
      }
      yield* adjust("1 second")
      yield* eventually(() => factory.released.length === 1)
      expect((yield* use(acme)).db).not.toBe(first.db)
    },
    { idleTimeout: "1 minute" }
  )

  scenario(
    "an idle timeout of 0 never ends a resource, and a limit of 0 tenants is none",
    function* ({ factory }) {
      const db = yield* once(acme)
      yield* adjust("20 days")
      for (const id of [acme, globex, initech]) yield* use(id)
      expect(factory.built.map(({ tenantId }) => tenantId)).toEqual([acme, globex, initech])
      expect(db.closed).toBe(false)
    },
    { idleTimeout: 0, maxTenants: 0 }
  )

  scenario("a build sees nothing of its first caller", function* ({ factory }) {
    const seen: Array<unknown> = []
    factory.build = () =>
      Effect.gen(function* () {
        const span = yield* Effect.option(Effect.currentSpan)
        seen.push(
          HashMap.has(yield* FiberRef.get(FiberRef.currentLogAnnotations), "request"),
          (yield* FiberRef.get(FiberRef.currentMinimumLogLevel)) === LogLevel.Trace,
          (yield* Effect.context<never>()).unsafeMap.has(Request.key),
          span._tag === "Some" && span.value.name === "request"
        )
      })
    yield* TenantDb.provide(acme)(Db).pipe(
      Effect.annotateLogs("request", "first"),
      Effect.locally(FiberRef.currentMinimumLogLevel, LogLevel.Trace),
      Effect.provideService(Request, "first"),
      Effect.withSpan("request")
    )
    expect(seen).toEqual([false, false, false, false])
  })

  scenario("work under provide keeps its own scope, context and fiber refs", function* () {
    const ref = FiberRef.unsafeMake(0)
    const order: Array<string> = []
    const work = Effect.gen(function* () {
      yield* Effect.addFinalizer(() => Effect.sync(() => order.push("finalizer")))
      yield* FiberRef.set(ref, 1)
      return yield* Request
    })
    yield* Effect.scoped(
      Effect.gen(function* () {
        expect(yield* TenantDb.provide(acme)(work)).toBe("mine")
        order.push("after provide")
      })
    ).pipe(Effect.provideService(Request, "mine"))
    expect(order).toEqual(["after provide", "finalizer"])
    expect(yield* FiberRef.get(ref)).toBe(1)
  })
})

describe("the cap", () => {
  scenario(
    "the least recently used idle resource makes room",
    function* ({ factory }) {
      const a = yield* once(acme)
      yield* adjust("1 second")
      const b = yield* once(globex)
      yield* adjust("1 second")
      yield* once(acme)
      yield* use(initech)
      expect(factory.released).toEqual([b])
      expect(a.closed).toBe(false)
      expect(factory.mostAlive).toBe(2)
    },
    { maxTenants: 2 }
  )

  scenario(
    "tenants wait in order for a place; the callers of one tenant share its resource",
    function* ({ factory }) {
      const first = yield* use(acme)
      const order: Array<TenantId> = []
      const wait = (id: TenantId) =>
        Effect.tap(use(id), ({ release }) => {
          order.push(id)
          return release
        })
      const waiting = yield* Effect.forEach([globex, initech, globex, globex], (id) =>
        begin(wait(id))
      )
      expect(factory.built.length).toBe(1)
      yield* first.release
      yield* Fiber.joinAll(waiting)
      expect(order).toEqual([globex, globex, globex, initech])
      expect(factory.built.map(({ tenantId }) => tenantId)).toEqual([acme, globex, initech])
      expect(factory.mostAlive).toBe(1)
    },
    { maxTenants: 1 }
  )

  scenario(
    "a wait that times out or is interrupted leaves no place taken",
    function* ({ factory }) {
      const first = yield* use(acme)
      const waiting = yield* beginFailing(globex)
      yield* adjust("10 seconds")
      const error = yield* Fiber.join(waiting)
      expect(error).toMatchObject({ _tag: "TenantPoolsExhausted", tenantId: globex, maxTenants: 1 })
      expect(String(error)).toContain("raise the option maxTenants")
      yield* Fiber.interrupt(yield* begin(use(globex)))
      yield* first.release
      expect((yield* use(initech)).db.tenantId).toBe(initech)
      expect(factory.mostAlive).toBe(1)
    },
    { maxTenants: 1, acquireTimeout: "10 seconds" }
  )

  scenario(
    "a place that a failing caller was given goes to the next tenant",
    function* ({ factory, world }) {
      yield* once(globex)
      const first = yield* use(acme)
      const waiting = yield* beginFailing(globex)
      world.failure = (id) => (id === globex ? unavailable() : undefined)
      yield* world.rotate(globex)
      yield* first.release
      expect(yield* Fiber.join(waiting)).toMatchObject({ _tag: "TenantManagerUnavailable" })
      expect((yield* use(initech)).db.tenantId).toBe(initech)
      expect(factory.mostAlive).toBe(1)
    },
    { maxTenants: 1 }
  )

  scenario(
    "a tenant that flaps takes one place, and its next build waits for the close",
    function* ({ factory, world }) {
      const gate = yield* Deferred.make<void>()
      factory.release = () => Deferred.await(gate)
      yield* once(acme)
      for (let flap = 0; flap < 5; flap++) {
        yield* world.remove(acme)
        yield* world.add(acme)
        yield* begin(use(acme))
      }
      yield* use(globex)
      expect(factory.built.map(({ tenantId }) => tenantId)).toEqual([acme, globex])
      yield* Deferred.succeed(gate, undefined)
      yield* eventually(() => factory.built.length === 3)
      expect(factory.mostAlive).toBe(2)
    },
    { maxTenants: 2 }
  )

  it.scoped("an error names the variable where the limit came from it", () => {
    const variables = new Map([["MULTI_TENANT_MAX_TENANT_POOLS", "1"]])
    return Effect.gen(function* () {
      const held = yield* use(acme)
      const waiting = yield* beginFailing(globex)
      yield* adjust("1 second")
      expect(String(yield* Fiber.join(waiting))).toContain("raise MULTI_TENANT_MAX_TENANT_POOLS")
      yield* held.release
    }).pipe(
      Effect.provide(
        TenantDb.layerConfig({ acquireTimeout: "1 second" }).pipe(
          Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(variables))),
          Layer.provideMerge(Factory.Default),
          Layer.provideMerge(TenantConnections.layer({ checkInterval: 0 })),
          Layer.provideMerge(new World(["acme", "globex"]).discovery)
        )
      )
    )
  })
})

describe("builds", () => {
  scenario(
    "that fail are tried again by the next call: after a growing backoff, or at once after a rotation",
    function* ({ factory, world }) {
      let builds = 0
      factory.build = () => {
        builds++
        return Effect.fail("connection refused")
      }
      const steps = [
        [0, 1],
        [499, 1],
        [1, 2],
        [999, 2],
        [1, 3]
      ] as const
      for (const [wait, expected] of steps) {
        yield* adjust(wait)
        expect(yield* Effect.flip(use(acme))).toBe("connection refused")
        expect(builds).toBe(expected)
      }
      factory.build = () => Effect.void
      expect(yield* Effect.flip(use(acme))).toBe("connection refused")
      yield* world.rotate(acme)
      expect((yield* use(acme)).db).toMatchObject({ password: "acme#1", closed: false })
      yield* eventually(() => factory.alive === 1)
    }
  )

  scenario(
    "that a rotation made fail are done again with the new settings",
    function* ({ factory, world }) {
      const gate = yield* Deferred.make<void, string>()
      factory.build = () => Deferred.await(gate)
      const user = yield* begin(use(acme))
      yield* eventually(() => factory.alive === 1)
      yield* world.rotate(acme)
      yield* Effect.yieldNow()
      factory.build = () => Effect.void
      yield* Deferred.fail(gate, "password authentication failed")
      expect((yield* Fiber.join(user)).db.password).toBe("acme#1")
    }
  )

  scenario(
    "that hang delay no other tenant, and end as a typed failure at the build timeout",
    function* ({ factory, logs }) {
      factory.build = (id) => (id === acme ? Effect.never : Effect.void)
      const first = yield* beginFailing(acme)
      const second = yield* begin(Effect.flip(Effect.timeout(use(acme), "5 seconds")))
      yield* eventually(() => factory.alive === 1)
      yield* (yield* use(globex)).release
      yield* adjust("5 seconds")
      expect(yield* Fiber.join(second)).toMatchObject({ _tag: "TimeoutException" })
      yield* adjust("25 seconds")
      expect(yield* Fiber.join(first)).toMatchObject({
        _tag: "TenantBuildTimedOut",
        timeout: Duration.seconds(30)
      })
      yield* eventually(() => factory.alive === 1)
      expect(logs.join()).toMatch(/build failed: .*acme was not built within 30s/)
      factory.build = () => Effect.void
      yield* adjust("500 millis")
      expect((yield* use(acme)).db.closed).toBe(false)
    }
  )

  scenario(
    "that ignore their interruption are reported and keep their place until they end",
    function* ({ factory, logs }) {
      const gate = yield* Deferred.make<void>()
      factory.build = (id) =>
        id === acme ? Effect.uninterruptible(Deferred.await(gate)) : Effect.void
      const first = yield* beginFailing(acme)
      yield* eventually(() => factory.alive === 1)
      yield* adjust("30 seconds")
      expect(yield* Fiber.join(first)).toMatchObject({ _tag: "TenantBuildTimedOut" })
      const waiting = yield* beginFailing(globex)
      yield* adjust("1 minute")
      expect(yield* Fiber.join(waiting)).toMatchObject({ _tag: "TenantPoolsExhausted" })
      expect(logs.join()).toMatch(/a build ignores its interruption for 10s.*acme/)
      yield* Deferred.succeed(gate, undefined)
      yield* eventually(() => factory.alive === 0)
      yield* use(globex)
    },
    { maxTenants: 1 }
  )
})

describe("options", () => {
  const options: ReadonlyArray<readonly [TenantLayers.TenantLayersOptions, string]> = [
    [{ maxTenants: -1 }, 'option "maxTenants"'],
    [{ maxTenants: 1.5 }, 'option "maxTenants"'],
    [{ idleTimeout: Number.NaN }, 'option "idleTimeout"'],
    [{ acquireTimeout: 0 }, 'option "acquireTimeout"'],
    [{ buildTimeout: -5 }, 'option "buildTimeout"'],
    [{ rotationGrace: Infinity }, 'option "rotationGrace"'],
    [{ closeTimeout: 0 }, 'option "closeTimeout"']
  ]
  it.each(options)("%j throws at once, by name", (given, message) => {
    expect(() => TenantDb.layer(given)).toThrow(RangeError)
    expect(() => TenantDb.layer(given)).toThrow(message)
    expect(() =>
      TenantLayers.Service<TenantDb>()("test/Bad", { ...given, lookup: () => Layer.empty })
    ).toThrow(message)
  })
})

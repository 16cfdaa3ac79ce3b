/** Rotation, removal and return of a tenant, and what happens to the users of its resource. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, TestClock } from "effect"
import { ResourceHolder } from "../../src/internal/layers/resourceHolder.js"
import { TenantConnections } from "../../src/TenantConnections.js"
import * as TenantWorker from "../../src/TenantWorker.js"
import { eventually } from "../connections/support/eventually.js"
import { unavailable, World } from "../connections/support/world.js"
import {
  acme,
  AdjustableDb,
  begin,
  beginFailing,
  Db,
  Factory,
  failureOf,
  globex,
  IsolatedDb,
  once,
  recorded,
  scenario,
  start,
  TenantDb,
  Transaction,
  use,
  useOf
} from "./support/tenantDb.js"

const { adjust } = TestClock

describe("rotation", () => {
  scenario(
    "the next user gets a new resource; holders finish with the old one",
    function* ({ factory, world }) {
      const before = yield* use(acme)
      yield* world.rotate(acme)
      const after = yield* use(acme)
      expect(after.db.password).toBe("acme#1")
      expect(before.db).toMatchObject({ password: "acme#0", closed: false })
      yield* before.release
      yield* eventually(() => before.db.closed)
      expect(after.db.closed).toBe(false)
      expect((yield* use(acme)).db).toBe(after.db)
      expect(factory.built.length).toBe(2)
      // By hand.
      yield* TenantDb.invalidate(acme)
      expect((yield* use(acme)).db).not.toBe(after.db)
    }
  )

  scenario("releases an idle resource when the new settings are loaded", function* ({ world }) {
    const db = yield* once(acme)
    yield* world.rotate(acme)
    yield* adjust("5 seconds")
    yield* eventually(() => db.closed)
  })

  scenario(
    "settings that turn out to be the same keep the resource",
    function* ({ factory, world }) {
      const before = yield* use(acme)
      yield* world.publish("tenant.cache.invalidate", acme)
      yield* adjust("5 seconds")
      yield* world.gap(() => undefined)
      yield* adjust("1 minute")
      expect((yield* use(acme)).db).toBe(before.db)
      expect(factory.built.length).toBe(1)
    }
  )

  scenario(
    "work under provide is interrupted after the grace, with a typed error",
    function* ({ factory, world }) {
      const { order, work } = recorded(factory)
      const working = yield* start(acme, work)
      yield* world.rotate(acme)
      yield* adjust("29 seconds")
      expect(order).toEqual([])
      yield* adjust("6 seconds")
      expect(yield* failureOf(working)).toBe("TenantResourceReplaced")
      yield* eventually(() => order.length === 2)
      expect(order).toEqual(["interrupted", "released"])
    }
  )

  scenario(
    "a use that cannot be interrupted keeps its resource until the close timeout, with a warning",
    function* ({ logs, world }) {
      const before = yield* use(acme)
      yield* world.rotate(acme)
      yield* use(acme)
      yield* adjust("39 seconds")
      expect(before.db.closed).toBe(false)
      yield* adjust("1 second")
      yield* eventually(() => before.db.closed)
      expect(logs.join()).toMatch(/closing a resource with 1 uses open.*acme/)
    }
  )

  scenario(
    "during the grace a tenant has two resources in its one place",
    function* ({ factory, world }) {
      const first = yield* use(acme)
      yield* world.rotate(acme)
      const second = yield* use(acme)
      yield* world.rotate(acme)
      const third = yield* begin(use(acme))
      expect(factory.alive).toBe(2)
      yield* first.release
      expect((yield* Fiber.join(third)).db.password).toBe("acme#2")
      expect([first.db.closed, second.db.closed]).toEqual([true, false])
      expect(factory.mostAlive).toBe(2)
    },
    { maxTenants: 1 }
  )

  scenario("holders go on while the new settings cannot be loaded", function* ({ world }) {
    const before = yield* use(acme)
    world.failure = unavailable
    yield* world.rotate(acme)
    yield* adjust("10 minutes")
    expect(before.db.closed).toBe(false)
    expect(yield* Effect.flip(use(acme))).toMatchObject({ _tag: "TenantManagerUnavailable" })
  })

  scenario(
    "limits alone are applied in place where the service can",
    function* ({ factory, world }) {
      const adjustable = yield* useOf(AdjustableDb.get(acme))
      const fixed = yield* use(acme)
      world.limits = { maxOpenConns: 7 }
      yield* world.publish("tenant.connections.updated", acme)
      yield* adjust("5 seconds")
      yield* eventually(() => adjustable.db.maxOpenConns === 7)
      expect((yield* useOf(AdjustableDb.get(acme))).db).toBe(adjustable.db)
      expect((yield* use(acme)).db).not.toBe(fixed.db)
      factory.apply = Effect.fail("no such pool")
      world.limits = { maxOpenConns: 8 }
      yield* world.publish("tenant.connections.updated", acme)
      yield* adjust("5 seconds")
      const replaced = yield* useOf(AdjustableDb.get(acme))
      expect(replaced.db).not.toBe(adjustable.db)
      expect(replaced.db.maxOpenConns).toBe(8)
    }
  )
})

describe("in the run of a worker", () => {
  scenario(
    "a rotation restarts work under provide, which is no failure",
    function* ({ factory, world }) {
      const passwords: Array<string> = []
      const run = TenantDb.provideCurrent(
        Effect.zipRight(
          Effect.map(Db, ({ password }) => passwords.push(password)),
          Effect.never
        )
      )
      const worker = TenantWorker.perTenant({
        name: "restarted",
        onConnectionsChanged: "keep",
        run
      })
      yield* Effect.gen(function* () {
        yield* eventually(() => passwords.length === 3)
        yield* world.rotate(acme)
        // The jitter of the reload, then the grace.
        yield* adjust("35 seconds")
        yield* eventually(() => passwords.length === 4)
        expect(passwords.at(-1)).toBe("acme#1")
        yield* eventually(() => factory.released.length === 1)
        const status = (yield* TenantWorker.status("restarted")).get(acme)
        expect(status).toMatchObject({ state: "Running", restarts: 1, lastFailure: undefined })
      }).pipe(Effect.provide(worker))
    }
  )
})

describe("removal", () => {
  scenario("ends new use at once and releases an idle resource", function* ({ world }) {
    const db = yield* once(acme)
    yield* world.remove(acme)
    expect(yield* Effect.flip(use(acme))).toMatchObject({
      _tag: "TenantNotActive",
      tenantId: acme
    })
    yield* eventually(() => db.closed)
  })

  scenario("interrupts holders after the grace, then releases", function* ({ factory, world }) {
    const { order, work } = recorded(factory)
    const byProvide = yield* start(acme, work)
    const byLayer = yield* begin(Effect.provide(work, TenantDb.get(acme)))
    yield* world.remove(acme)
    yield* adjust("29 seconds")
    expect(order).toEqual([])
    yield* adjust("1 second")
    expect(yield* failureOf(byProvide)).toBe("TenantNotActive")
    expect(Exit.isInterrupted(yield* Fiber.await(byLayer))).toBe(true)
    yield* eventually(() => order.length === 3)
    expect(order).toEqual(["interrupted", "interrupted", "released"])
  })

  const merged: ReadonlyArray<readonly [string, Layer.Layer<Db, unknown, TenantDb>]> = [
    ["merged", Layer.mergeAll(Layer.empty, TenantDb.get(acme), Layer.empty)],
    ["nested", Layer.provideMerge(Layer.empty, Layer.merge(Layer.empty, TenantDb.get(acme)))],
    ["fresh", Layer.fresh(TenantDb.get(acme))]
  ]
  for (const [name, layer] of merged) {
    scenario(
      `interrupts the run of a worker whose layers are ${name}`,
      function* ({ factory, world }) {
        const run = yield* Effect.fork(
          Effect.withFiberRuntime<never, unknown, TenantDb>((fiber) =>
            Effect.provideService(Effect.provide(Effect.never, layer), ResourceHolder, {
              revoke: Effect.asVoid(Fiber.interruptFork(fiber))
            })
          )
        )
        yield* eventually(() => factory.built.length === 1)
        yield* Effect.yieldNow()
        yield* world.remove(acme)
        yield* adjust("30 seconds")
        expect(Exit.isInterrupted(yield* Fiber.await(run))).toBe(true)
        yield* eventually(() => factory.released.length === 1)
      }
    )
  }

  scenario(
    "ends a build, and the wait for a place",
    function* ({ factory, world }) {
      factory.build = () => Effect.never
      const building = yield* beginFailing(acme)
      yield* eventually(() => factory.alive === 1)
      const waiting = yield* beginFailing(globex)
      for (const [id, caller] of [
        [globex, waiting],
        [acme, building]
      ] as const) {
        yield* world.remove(id)
        expect(yield* Fiber.join(caller)).toMatchObject({ _tag: "TenantNotActive" })
      }
      yield* eventually(() => factory.alive === 0)
    },
    { maxTenants: 1 }
  )

  scenario(
    "that hangs is left behind with a warning, and the tenant builds again",
    function* ({ factory, logs, world }) {
      factory.release = () => Effect.never
      yield* once(acme)
      yield* world.remove(acme)
      yield* world.add(acme)
      const next = yield* begin(use(acme))
      yield* adjust("10 seconds")
      expect((yield* Fiber.join(next)).db.closed).toBe(false)
      expect(logs.join()).toMatch(/finalizers of a resource did not end within 10s.*acme/)
    }
  )
})

describe("graces", () => {
  it.live("leave no timer behind when the use has ended", () => {
    const world = new World(["acme"])
    const layer = TenantDb.layer({ removalGrace: "10 minutes" }).pipe(
      Layer.provideMerge(Factory.Default),
      Layer.provideMerge(TenantConnections.layer()),
      Layer.provideMerge(world.discovery)
    )
    const timers = () =>
      process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length
    return Effect.gen(function* () {
      const factory = yield* Factory
      yield* once(acme)
      const before = timers()
      for (let flap = 0; flap < 50; flap++) {
        const { release } = yield* use(acme)
        yield* world.remove(acme)
        yield* release
        yield* world.add(acme)
      }
      yield* world.remove(acme)
      yield* eventually(() => factory.alive === 0)
      expect(timers()).toBeLessThan(before + 10)
    }).pipe(Effect.provide(layer))
  })
})

describe("a tenant that comes back within the grace", () => {
  scenario(
    "keeps its resource and its work, with the same settings",
    function* ({ factory, world }) {
      const work = yield* start(acme, Effect.never)
      yield* world.remove(acme)
      yield* adjust("20 seconds")
      yield* world.add(acme)
      expect((yield* use(acme)).db).toBe(factory.built[0])
      yield* adjust("10 minutes")
      expect(factory.built[0]?.closed).toBe(false)
      yield* Fiber.interrupt(work)
    }
  )

  scenario("keeps its work while the settings cannot be loaded", function* ({ factory, world }) {
    const work = yield* start(acme, Effect.never)
    world.failure = unavailable
    yield* world.remove(acme)
    yield* world.add(acme)
    yield* adjust("5 minutes")
    expect(factory.built[0]?.closed).toBe(false)
    yield* world.remove(acme)
    yield* adjust("1 minute")
    expect(yield* failureOf(work)).toBe("TenantNotActive")
  })

  scenario("gets a new resource with other settings, and the old work ends", function* ({ world }) {
    const work = yield* start(acme, Effect.never)
    yield* world.remove(acme)
    world.rotations.set(acme, 5)
    yield* world.add(acme)
    expect((yield* use(acme)).db.password).toBe("acme#5")
    yield* adjust("30 seconds")
    expect(yield* failureOf(work)).toBe("TenantResourceReplaced")
  })
})

describe("isolation", () => {
  const transactionOf = Effect.map(Effect.serviceOption(Transaction), (found) =>
    found._tag === "Some" ? found.value : undefined
  )
  const seen = Effect.all([Effect.map(Db, ({ tenantId }) => tenantId), transactionOf])

  scenario("provide takes another resource's transaction out of the context", function* () {
    const inner = Effect.all([
      seen,
      IsolatedDb.provide(globex)(seen),
      IsolatedDb.provide(acme)(seen),
      IsolatedDb.provide(globex)(IsolatedDb.provide(acme)(seen))
    ])
    const found = yield* IsolatedDb.provide(acme)(
      Effect.provideService(inner, Transaction, "of acme")
    )
    expect(found).toEqual([
      [acme, "of acme"],
      [globex, undefined],
      [acme, "of acme"],
      [acme, undefined]
    ])
    // A transaction of no tenant's resource does not cross either.
    const outside = Effect.provideService(IsolatedDb.provide(acme)(seen), Transaction, "of admin")
    expect(yield* outside).toEqual([acme, undefined])
  })

  scenario("a layer refuses another resource's transaction", function* () {
    const inner = Effect.all([
      Effect.provide(seen, IsolatedDb.get(acme)),
      Effect.flip(Effect.provide(seen, IsolatedDb.get(globex)))
    ])
    const [same, error] = yield* Effect.provide(
      Effect.provideService(inner, Transaction, "of acme"),
      IsolatedDb.get(acme)
    )
    expect(same).toEqual([acme, "of acme"])
    expect(error).toMatchObject({ _tag: "TenantNotIsolated", service: "test/Transaction" })
  })
})

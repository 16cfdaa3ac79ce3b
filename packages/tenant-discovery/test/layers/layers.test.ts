import { describe, expect, it } from "@effect/vitest"
import {
  Context,
  Deferred,
  Effect,
  Exit,
  Fiber,
  Layer,
  Option,
  Redacted,
  Scope,
  TestClock
} from "effect"
import { CurrentTenant } from "../../src/CurrentTenant.js"
import { TenantId } from "../../src/Tenant.js"
import { TenantConnections } from "../../src/TenantConnections.js"
import type { TenantDiscovery } from "../../src/TenantDiscovery.js"
import * as TenantLayers from "../../src/TenantLayers.js"
import { eventually } from "../connections/support/eventually.js"
import { unavailable, World } from "../connections/support/world.js"

const acme = TenantId.make("acme")
const globex = TenantId.make("globex")
const initech = TenantId.make("initech")

/** What stands for a pool of connections. */
interface Db {
  readonly tenantId: TenantId
  readonly password: string
  closed: boolean
}
class Db_ extends Context.Tag("test/Db")<Db_, Db>() {}

/** Sees every pool that is built and released. */
class Factory extends Context.Tag("test/Factory")<
  Factory,
  {
    readonly built: Array<Db>
    readonly released: Array<Db>
    alive: number
    mostAlive: number
    /** What a build waits for, or fails with, before it is done. */
    build: (id: TenantId) => Effect.Effect<void, string>
    release: (id: TenantId) => Effect.Effect<void>
  }
>() {
  static readonly live = Layer.sync(Factory, () => ({
    built: [],
    released: [],
    alive: 0,
    mostAlive: 0,
    build: () => Effect.void,
    release: () => Effect.void
  }))
}

class TenantDb extends TenantLayers.Service<TenantDb>()("test/TenantDb", {
  lookup: (connections, tenant) =>
    Layer.scoped(
      Db_,
      Effect.gen(function* () {
        const factory = yield* Factory
        const settings = yield* connections.postgresql()
        factory.alive++
        factory.mostAlive = Math.max(factory.mostAlive, factory.alive)
        const db: Db = {
          tenantId: tenant.id,
          password: settings.password === undefined ? "" : Redacted.value(settings.password),
          closed: false
        }
        yield* Effect.addFinalizer(() =>
          Effect.zipRight(
            factory.release(tenant.id),
            Effect.sync(() => {
              factory.alive--
              db.closed = true
              factory.released.push(db)
            })
          )
        )
        yield* factory.build(tenant.id)
        factory.built.push(db)
        return db
      })
    )
}) {}

type All = TenantDb | Factory | TenantConnections | TenantDiscovery

const layerOf = (world: World, options?: TenantLayers.TenantLayersOptions) =>
  TenantDb.layer(options).pipe(
    Layer.provideMerge(Factory.live),
    Layer.provideMerge(TenantConnections.layer()),
    Layer.provideMerge(world.discovery)
  )

const scenario = (
  name: string,
  test: (world: World, factory: Factory["Type"]) => Effect.Effect<void, unknown, All>,
  options?: TenantLayers.TenantLayersOptions
) =>
  it.effect(name, () => {
    const world = new World(["acme", "globex", "initech"])
    return Effect.flatMap(Factory, (factory) => test(world, factory)).pipe(
      Effect.provide(layerOf(world, options))
    )
  })

/** A use of a tenant's pool that lasts until it is let go. */
const use = (id: TenantId) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const db = yield* Effect.map(Layer.buildWithScope(TenantDb.get(id), scope), (context) =>
      Context.get(context, Db_)
    )
    return { db, letGo: Scope.close(scope, Exit.void) }
  })

const once = (id: TenantId) =>
  Effect.tap(use(id), ({ letGo }) => letGo).pipe(Effect.map(({ db }) => db))

describe("use", () => {
  scenario("a pool is built once for all who want it at once", (world, factory) =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      factory.build = () => Deferred.await(gate)
      const users = yield* Effect.fork(
        Effect.all(
          Array.from({ length: 100 }, () => use(acme)),
          { concurrency: "unbounded" }
        )
      )
      yield* eventually(() => factory.alive === 1)
      yield* Deferred.succeed(gate, undefined)
      const got = yield* Fiber.join(users)
      expect(factory.built.length).toBe(1)
      expect(new Set(got.map(({ db }) => db)).size).toBe(1)
      expect(world.callsFor(acme)).toBe(1)
    })
  )

  scenario("`current` is the pool of the tenant that the work runs for", () =>
    Effect.gen(function* () {
      const work = Effect.map(Db_, ({ tenantId }) => tenantId)
      for (const id of [acme, globex]) {
        const forTenant = CurrentTenant.provide(id)
        expect(yield* forTenant(Effect.provide(work, TenantDb.current))).toBe(id)
        expect(yield* forTenant(TenantDb.provideCurrent(work))).toBe(id)
      }
    })
  )

  scenario(
    "a pool is released when nobody has used it for the idle timeout",
    (_, factory) =>
      Effect.gen(function* () {
        const first = yield* use(acme)
        yield* TestClock.adjust("1 hour")
        yield* first.letGo
        yield* TestClock.adjust("59 seconds")
        const second = yield* use(acme)
        expect(second.db).toBe(first.db)
        yield* TestClock.adjust("1 hour")
        yield* second.letGo
        yield* TestClock.adjust("59 seconds")
        expect(factory.released).toEqual([])
        yield* TestClock.adjust("1 second")
        yield* eventually(() => factory.released.length === 1)
        expect((yield* use(acme)).db).not.toBe(first.db)
      }),
    { idleTimeout: "1 minute" }
  )

  scenario("whoever gives up waiting for a build takes it from nobody", (_, factory) =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      factory.build = () => Deferred.await(gate)
      const first = yield* Effect.fork(use(acme))
      yield* eventually(() => factory.alive === 1)
      const second = yield* Effect.fork(use(acme))
      yield* Fiber.interrupt(first)
      yield* Deferred.succeed(gate, undefined)
      expect((yield* Fiber.join(second)).db.closed).toBe(false)
      expect(factory.built.length).toBe(1)
    })
  )
})

describe("the cap", () => {
  scenario(
    "the least recently used idle pool makes room",
    (_, factory) =>
      Effect.gen(function* () {
        const a = yield* once(acme)
        yield* TestClock.adjust("1 second")
        const b = yield* once(globex)
        yield* TestClock.adjust("1 second")
        yield* once(acme)
        yield* use(initech)
        expect(factory.released).toEqual([b])
        expect(a.closed).toBe(false)
        expect(factory.mostAlive).toBe(2)
      }),
    { maxTenants: 2 }
  )

  scenario(
    "when none is idle, callers wait in order",
    (_, factory) =>
      Effect.gen(function* () {
        const first = yield* use(acme)
        const order: Array<TenantId> = []
        const wait = (id: TenantId) =>
          Effect.fork(
            Effect.tap(use(id), ({ letGo }) => {
              order.push(id)
              return letGo
            })
          )
        const second = yield* wait(globex)
        yield* Effect.yieldNow()
        const third = yield* wait(initech)
        yield* Effect.yieldNow()
        expect(factory.built.length).toBe(1)
        yield* first.letGo
        yield* Fiber.join(second)
        yield* Fiber.join(third)
        expect(order).toEqual([globex, initech])
        expect(factory.mostAlive).toBe(1)
      }),
    { maxTenants: 1 }
  )

  scenario(
    "a wait that is over is a typed error, and leaves no place taken",
    (_, factory) =>
      Effect.gen(function* () {
        const first = yield* use(acme)
        const waiting = yield* Effect.fork(Effect.flip(use(globex)))
        yield* TestClock.adjust("10 seconds")
        expect(yield* Fiber.join(waiting)).toMatchObject({
          _tag: "TenantPoolsExhausted",
          tenantId: globex,
          maxTenants: 1
        })
        const interrupted = yield* Effect.fork(use(globex))
        yield* Effect.yieldNow()
        yield* Fiber.interrupt(interrupted)
        yield* first.letGo
        expect((yield* use(initech)).db.tenantId).toBe(initech)
        expect(factory.mostAlive).toBe(1)
      }),
    { maxTenants: 1, acquireTimeout: "10 seconds" }
  )

  scenario(
    "many who wait for one tenant share what the first of them gets",
    (_, factory) =>
      Effect.gen(function* () {
        const first = yield* use(acme)
        const waiting = yield* Effect.fork(
          Effect.all(
            Array.from({ length: 10 }, () => use(globex)),
            { concurrency: "unbounded" }
          )
        )
        yield* Effect.yieldNow()
        yield* first.letGo
        const got = yield* Fiber.join(waiting)
        expect(new Set(got.map(({ db }) => db)).size).toBe(1)
        expect(factory.mostAlive).toBe(1)
      }),
    { maxTenants: 1 }
  )

  scenario(
    "a place that came to a caller who then fails goes to the next",
    (world, factory) =>
      Effect.gen(function* () {
        yield* once(globex)
        const first = yield* use(acme)
        const waiting = yield* Effect.fork(Effect.flip(use(globex)))
        yield* Effect.yieldNow()
        world.failure = (id) => (id === globex ? unavailable() : undefined)
        yield* world.rotate(globex)
        yield* first.letGo
        expect(yield* Fiber.join(waiting)).toMatchObject({ _tag: "TenantManagerUnavailable" })
        expect((yield* use(initech)).db.tenantId).toBe(initech)
        expect(factory.mostAlive).toBe(1)
      }),
    { maxTenants: 1 }
  )
})

describe("rotation", () => {
  scenario("the next user gets a new pool, and holders finish with the old one", (world, factory) =>
    Effect.gen(function* () {
      const before = yield* use(acme)
      yield* world.rotate(acme)
      const after = yield* use(acme)
      expect(after.db.password).toBe("acme#1")
      expect(before.db).toMatchObject({ password: "acme#0", closed: false })
      yield* before.letGo
      yield* eventually(() => before.db.closed)
      expect(after.db.closed).toBe(false)
      expect((yield* use(acme)).db).toBe(after.db)
      expect(factory.built.length).toBe(2)
    })
  )

  scenario("the old pool is released after the grace at the latest", (world) =>
    Effect.gen(function* () {
      const before = yield* use(acme)
      yield* world.rotate(acme)
      yield* use(acme)
      yield* TestClock.adjust("29 seconds")
      expect(before.db.closed).toBe(false)
      yield* TestClock.adjust("1 second")
      yield* eventually(() => before.db.closed)
    })
  )

  scenario("an idle pool is released at once", (world) =>
    Effect.gen(function* () {
      const db = yield* once(acme)
      yield* world.rotate(acme)
      yield* eventually(() => db.closed)
    })
  )

  scenario(
    "a build that a rotation made fail is done again with the new settings",
    (world, factory) =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void, string>()
        factory.build = () => Deferred.await(gate)
        const user = yield* Effect.fork(use(acme))
        yield* eventually(() => factory.alive === 1)
        yield* world.rotate(acme)
        yield* Effect.yieldNow()
        factory.build = () => Effect.void
        yield* Deferred.fail(gate, "password authentication failed")
        expect((yield* Fiber.join(user)).db.password).toBe("acme#1")
      })
  )

  scenario(
    "where nobody else makes room, a new user waits for the grace and no longer",
    (world, factory) =>
      Effect.gen(function* () {
        const before = yield* use(acme)
        yield* world.rotate(acme)
        const waiting = yield* Effect.fork(use(acme))
        yield* TestClock.adjust("30 seconds")
        expect((yield* Fiber.join(waiting)).db.password).toBe("acme#1")
        expect(before.db.closed).toBe(true)
        expect(factory.mostAlive).toBe(1)
      }),
    { maxTenants: 1 }
  )

  scenario("`invalidate` does the same by hand", () =>
    Effect.gen(function* () {
      const before = yield* use(acme)
      yield* TenantDb.invalidate(acme)
      expect((yield* use(acme)).db).not.toBe(before.db)
    })
  )

  scenario("a gap over which nothing changed leaves the pool in place", (world) =>
    Effect.gen(function* () {
      const before = yield* use(acme)
      yield* world.gap(() => undefined)
      yield* TestClock.adjust("5 seconds")
      expect((yield* use(acme)).db).toBe(before.db)
      yield* world.gap(() => world.rotations.set(acme, 1))
      yield* TestClock.adjust("5 seconds")
      expect((yield* use(acme)).db.password).toBe("acme#1")
    })
  )
})

describe("removal", () => {
  scenario("there is no new user", (world) =>
    Effect.gen(function* () {
      yield* once(acme)
      yield* world.remove(acme)
      expect(yield* Effect.flip(use(acme))).toMatchObject({
        _tag: "TenantNotActive",
        tenantId: acme
      })
    })
  )

  scenario("holders may finish within the grace", (world) =>
    Effect.gen(function* () {
      const holder = yield* use(acme)
      yield* world.remove(acme)
      yield* TestClock.adjust("29 seconds")
      expect(holder.db.closed).toBe(false)
      yield* holder.letGo
      yield* eventually(() => holder.db.closed)
    })
  )

  scenario("then they are interrupted, and the pool is released after them", (world, factory) =>
    Effect.gen(function* () {
      const order: Array<string> = []
      factory.release = () => Effect.sync(() => void order.push("released"))
      const work = Effect.zipRight(Db_, Effect.never).pipe(
        Effect.onInterrupt(() => Effect.sync(() => order.push("stopped")))
      )
      const byProvide = yield* Effect.fork(TenantDb.provide(acme)(work))
      const byLayer = yield* Effect.fork(Effect.provide(work, TenantDb.get(acme)))
      yield* eventually(() => factory.built.length === 1)
      yield* Effect.yieldNow()
      yield* world.remove(acme)
      yield* TestClock.adjust("30 seconds")
      const provided = yield* Fiber.await(byProvide)
      expect(Exit.isFailure(provided) && Exit.causeOption(provided)).toMatchObject(
        Option.some({ error: { _tag: "TenantNotActive" } })
      )
      expect(Exit.isInterrupted(yield* Fiber.await(byLayer))).toBe(true)
      yield* eventually(() => order.length === 3)
      expect(order).toEqual(["stopped", "stopped", "released"])
    })
  )

  scenario("work that does not stop has its pool taken", (world, factory) =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const stubborn = Effect.uninterruptible(Deferred.await(gate))
      yield* Effect.fork(TenantDb.provide(acme)(stubborn))
      yield* eventually(() => factory.built.length === 1)
      yield* Effect.yieldNow()
      yield* world.remove(acme)
      yield* TestClock.adjust("39 seconds")
      expect(factory.released.length).toBe(0)
      yield* TestClock.adjust("1 second")
      yield* eventually(() => factory.released.length === 1)
      yield* Deferred.succeed(gate, undefined)
    })
  )

  scenario(
    "who waits for a place of a tenant that goes is told",
    (world) =>
      Effect.gen(function* () {
        yield* use(acme)
        const waiting = yield* Effect.fork(Effect.flip(use(globex)))
        yield* Effect.yieldNow()
        yield* world.remove(globex)
        expect(yield* Fiber.join(waiting)).toMatchObject({ _tag: "TenantNotActive" })
      }),
    { maxTenants: 1 }
  )

  scenario("a tenant that comes back gets a new pool", (world) =>
    Effect.gen(function* () {
      const before = yield* use(acme)
      yield* world.remove(acme)
      yield* world.add(acme)
      const after = yield* use(acme)
      expect(after.db).not.toBe(before.db)
      expect(after.db.closed).toBe(false)
    })
  )
})

describe("builds that fail", () => {
  scenario("are tried again by the next call, after a growing while", (_, factory) =>
    Effect.gen(function* () {
      let builds = 0
      factory.build = () => {
        builds++
        return Effect.fail("connection refused")
      }
      expect(yield* Effect.flip(use(acme))).toBe("connection refused")
      expect(yield* Effect.flip(use(acme))).toBe("connection refused")
      expect(builds).toBe(1)
      yield* TestClock.adjust("500 millis")
      yield* Effect.flip(use(acme))
      yield* TestClock.adjust("500 millis")
      yield* Effect.flip(use(acme))
      expect(builds).toBe(2)
      yield* TestClock.adjust("500 millis")
      factory.build = () => Effect.void
      expect((yield* use(acme)).db.closed).toBe(false)
      yield* eventually(() => factory.alive === 1)
    })
  )

  scenario("delay no other tenant", (_, factory) =>
    Effect.gen(function* () {
      factory.build = (id) => (id === acme ? Effect.never : Effect.void)
      const stuck = yield* Effect.fork(use(acme))
      yield* eventually(() => factory.alive === 1)
      yield* use(globex)
      yield* use(initech)
      yield* Fiber.interrupt(stuck)
    })
  )

  scenario("are tried at once after a rotation", (world, factory) =>
    Effect.gen(function* () {
      factory.build = () => Effect.fail("password authentication failed")
      yield* Effect.flip(use(acme))
      factory.build = () => Effect.void
      yield* world.rotate(acme)
      yield* eventually(() => world.callsFor(acme) === 1)
      yield* Effect.yieldNow()
      expect((yield* use(acme)).db.password).toBe("acme#1")
    })
  )

  scenario("connection settings that are not to be had are that error", (world) =>
    Effect.gen(function* () {
      world.failure = unavailable
      expect(yield* Effect.flip(use(acme))).toMatchObject({ _tag: "TenantManagerUnavailable" })
    })
  )
})

describe("close", () => {
  const closing = (
    test: (
      factory: Factory["Type"],
      context: Context.Context<All>,
      close: Effect.Effect<void>
    ) => Effect.Effect<void, unknown>
  ) =>
    Effect.gen(function* () {
      const world = new World(["acme", "globex", "initech"])
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(layerOf(world, { maxTenants: 2 }), scope)
      yield* test(Context.get(context, Factory), context, Scope.close(scope, Exit.void))
    })

  it.effect("releases everything once, held or not, and tells who waits", () =>
    closing((factory, context, close) =>
      Effect.gen(function* () {
        const provided = Effect.provide(context)
        const held = yield* provided(use(acme))
        yield* provided(use(globex))
        const waiting = yield* Effect.fork(provided(Effect.flip(use(initech))))
        yield* Effect.yieldNow()
        yield* close
        expect(factory.released.length).toBe(2)
        expect(factory.alive).toBe(0)
        yield* held.letGo
        expect(factory.released.length).toBe(2)
        expect(yield* Fiber.join(waiting)).toMatchObject({ _tag: "TenantLayersClosed" })
      })
    )
  )

  it.effect("does not wait for ever for a release that hangs", () =>
    closing((factory, context, close) =>
      Effect.gen(function* () {
        factory.release = (id) => (id === acme ? Effect.never : Effect.void)
        yield* Effect.provide(use(acme), context)
        yield* Effect.provide(use(globex), context)
        const closed = yield* Effect.fork(close)
        yield* eventually(() => factory.released.length === 1)
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(closed)
        expect(factory.released.map(({ tenantId }) => tenantId)).toEqual([globex])
      })
    )
  )
})

/** The close of the pools' layer: as orderly as a removal, within a bound. */
import { describe, expect } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, TestClock } from "effect"
import { eventually } from "../connections/support/eventually.js"
import { acme, globex, once, scenario, start, TenantDb, use } from "./support/tenantDb.js"

describe("close", () => {
  scenario("releases what is idle at once and fails new callers", function* ({ close, factory }) {
    yield* once(acme)
    yield* close
    expect(factory.alive).toBe(0)
    expect(yield* Effect.flip(use(acme))).toMatchObject({ _tag: "TenantLayersClosed" })
  })

  scenario(
    "fails a caller that waits for a place",
    function* ({ close }) {
      const held = yield* use(acme)
      const waiting = yield* Effect.fork(Effect.flip(use(globex)))
      yield* Effect.yieldNow()
      const closing = yield* Effect.fork(close)
      expect(yield* Fiber.join(waiting)).toMatchObject({ _tag: "TenantLayersClosed" })
      yield* held.release
      yield* Fiber.join(closing)
    },
    { maxTenants: 1 }
  )

  scenario("waits for work in progress", function* ({ close, factory }) {
    const gate = yield* Deferred.make<void>()
    const work = yield* start(acme, Effect.as(Deferred.await(gate), "finished"))
    const closing = yield* Effect.fork(close)
    yield* TestClock.adjust("9 seconds")
    expect(factory.released.length).toBe(0)
    yield* Deferred.succeed(gate, undefined)
    expect(yield* Fiber.join(work)).toBe("finished")
    yield* Fiber.join(closing)
    expect(factory.released.length).toBe(1)
  })

  scenario("interrupts work after the drain, then releases", function* ({ close, factory }) {
    const order: Array<string> = []
    factory.release = () => Effect.sync(() => void order.push("released"))
    const work = yield* start(
      acme,
      Effect.onInterrupt(Effect.never, () => Effect.sync(() => order.push("interrupted")))
    )
    const closing = yield* Effect.fork(close)
    yield* TestClock.adjust("10 seconds")
    const exit = yield* Fiber.await(work)
    expect(Exit.isFailure(exit) && String(exit.cause)).toContain("TenantLayersClosed")
    yield* Fiber.join(closing)
    expect(order).toEqual(["interrupted", "released"])
  })

  scenario(
    "ends within drain, close timeout and a second, and names the tenant",
    function* ({ close, factory, logs }) {
      const gate = yield* Deferred.make<void>()
      factory.release = (id) => (id === acme ? Effect.never : Effect.void)
      const stubborn = yield* start(acme, Effect.uninterruptible(Deferred.await(gate)))
      yield* use(globex)
      // As at SIGTERM: the fiber that closes is interrupted itself.
      const closing = yield* Effect.fork(Effect.ensuring(Effect.never, close))
      yield* Effect.yieldNow()
      yield* Fiber.interruptFork(closing)
      yield* TestClock.adjust("20 seconds")
      expect(factory.released.map(({ tenantId }) => tenantId)).toEqual([globex])
      yield* TestClock.adjust("1 second")
      yield* Fiber.await(closing)
      expect(logs.join()).toMatch(/closing a resource with 1 uses open.*acme/)
      expect(logs.join()).toContain(
        "closed before the resources of these tenants were released: acme"
      )
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.await(stubborn)
    }
  )

  scenario("ends a build", function* ({ close, factory }) {
    factory.build = () => Effect.never
    const waiting = yield* Effect.fork(Effect.flip(use(acme)))
    yield* eventually(() => factory.alive === 1)
    yield* close
    expect(yield* Fiber.join(waiting)).toMatchObject({ _tag: "TenantLayersClosed" })
    expect(factory.alive).toBe(0)
  })

  scenario("work in an uninterruptible region ends when it has run", function* ({ factory }) {
    const ran = yield* Effect.uninterruptible(TenantDb.provide(acme)(Effect.succeed("ran")))
    const inFinalizer: Array<string> = []
    yield* Effect.onExit(Effect.void, () =>
      Effect.orDie(TenantDb.provide(acme)(Effect.sync(() => inFinalizer.push("ran"))))
    )
    expect([ran, ...inFinalizer]).toEqual(["ran", "ran"])
    expect(factory.built.length).toBe(1)
  })
})

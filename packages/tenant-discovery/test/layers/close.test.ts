/** The close of the pools' layer: as orderly as a removal, within a bound. */
import { describe, expect } from "@effect/vitest"
import { Deferred, Effect, Fiber, TestClock } from "effect"
import { eventually } from "../connections/support/eventually.js"
import {
  acme,
  begin,
  beginFailing,
  failureOf,
  globex,
  once,
  recorded,
  scenario,
  start,
  TenantDb,
  use
} from "./support/tenantDb.js"

describe("close", () => {
  scenario("releases what is idle at once and fails new callers", function* ({ close, factory }) {
    yield* once(acme)
    yield* close
    expect(factory.alive).toBe(0)
    expect(yield* Effect.flip(use(acme))).toMatchObject({ _tag: "TenantLayersClosed" })
  })

  scenario(
    "fails a caller that waits for a place or for a build, which it ends",
    function* ({ close, factory }) {
      factory.build = () => Effect.never
      const building = yield* beginFailing(acme)
      yield* eventually(() => factory.alive === 1)
      const waiting = yield* beginFailing(globex)
      yield* close
      for (const caller of [building, waiting]) {
        expect(yield* Fiber.join(caller)).toMatchObject({ _tag: "TenantLayersClosed" })
      }
      expect(factory.alive).toBe(0)
    },
    { maxTenants: 1 }
  )

  scenario("waits for work in progress", function* ({ close, factory }) {
    const gate = yield* Deferred.make<void>()
    const work = yield* start(acme, Effect.as(Deferred.await(gate), "finished"))
    const closing = yield* begin(close)
    yield* TestClock.adjust("9 seconds")
    expect(factory.released.length).toBe(0)
    yield* Deferred.succeed(gate, undefined)
    expect(yield* Fiber.join(work)).toBe("finished")
    yield* Fiber.join(closing)
    expect(factory.released.length).toBe(1)
  })

  scenario("interrupts work after the drain, then releases", function* ({ close, factory }) {
    const { order, work } = recorded(factory)
    const working = yield* start(acme, work)
    const closing = yield* begin(close)
    yield* TestClock.adjust("10 seconds")
    expect(yield* failureOf(working)).toBe("TenantLayersClosed")
    yield* Fiber.join(closing)
    expect(order).toEqual(["interrupted", "released"])
  })

  scenario("a grace under way ends with the drain", function* ({ close, world }) {
    const working = yield* start(acme, Effect.never)
    yield* world.rotate(acme)
    const { release } = yield* use(acme)
    yield* release
    const closing = yield* begin(close)
    yield* TestClock.adjust("10 seconds")
    expect(yield* failureOf(working)).toBe("TenantLayersClosed")
    yield* Fiber.join(closing)
  })

  scenario(
    "ends within drain, close timeout and a second, and names the tenant",
    function* ({ close, factory, logs }) {
      const gate = yield* Deferred.make<void>()
      factory.release = (id) => (id === acme ? Effect.never : Effect.void)
      const stubborn = yield* start(acme, Effect.uninterruptible(Deferred.await(gate)))
      yield* use(globex)
      // As at SIGTERM: the fiber that closes is interrupted itself.
      const closing = yield* begin(Effect.ensuring(Effect.never, close))
      yield* Fiber.interruptFork(closing)
      yield* TestClock.adjust("20 seconds")
      expect(factory.released.map(({ tenantId }) => tenantId)).toEqual([globex])
      yield* TestClock.adjust("1 second")
      yield* Fiber.await(closing)
      expect(logs.join()).toMatch(/closing a resource with 1 uses open.*acme/)
      expect(logs.join()).toContain("before the resources of these tenants were released: acme")
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.await(stubborn)
    }
  )

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

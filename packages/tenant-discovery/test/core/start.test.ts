import { describe, expect, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Layer, Option, TestClock } from "effect"
import {
  TenantManagerBodyTooLarge,
  TenantManagerMalformedBody,
  TenantManagerNotFound,
  TenantManagerRejected,
  TenantDiscovery,
  type TenantManagerError,
  TenantManagerTimedOut,
  TenantManagerUnauthorized
} from "../../src/index.js"
import { outage, TestEvent, TestTenantEvents, TestTenantManager } from "../../src/testing.js"
import { edges, ids, logged, mode, record, seen, SERVICE, settle, world } from "./harness.js"

const operation = "GET /v1/tenants/active"
const message = "as the test says"

/** Builds the discovery over the edges of the context, in a scope of its own. */
const build = Layer.build(TenantDiscovery.layer())

describe("law 1: subscribe, then list", () => {
  it.scoped("the list is asked for only after the subscription is acknowledged", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      const building = yield* Effect.forkScoped(build)
      yield* events.awaitSubscription
      yield* settle
      expect(yield* manager.calls).toBe(0)
      yield* events.subscribed
      yield* Fiber.join(building)
      expect(yield* manager.calls).toBe(1)
    }).pipe(Effect.provide(edges({ events: { auto: false } })))
  )

  it.scoped("an event between the subscription and the first list's answer is in the view", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      const held = yield* manager.hold()
      const building = yield* Effect.forkScoped(build)
      yield* held.asked
      yield* events.send(TestEvent.associated("new", SERVICE), TestEvent.suspended("old", SERVICE))
      yield* held.release
      const context = yield* Fiber.join(building)
      expect(yield* Effect.provide(seen, context)).toEqual(ids("kept", "new"))
      expect(yield* Effect.provide(mode, context)).toBe("Live")
    }).pipe(Effect.provide(edges({ tenants: ["kept", "old"] })))
  )

  it.scoped("a subscription that fails is enough to go on: the list follows it at once", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const building = yield* Effect.forkScoped(build)
      yield* events.awaitSubscription
      yield* events.lose()
      const context = yield* Fiber.join(building)
      expect(yield* Effect.provide(mode, context)).toBe("BootstrapOnly")
    }).pipe(Effect.provide(edges({ events: { auto: false } })))
  )
})

describe("law 2: fail fast at the start", () => {
  it.scoped("an outage is tried again three times within two seconds", () =>
    Effect.gen(function* () {
      const manager = yield* TestTenantManager
      yield* manager.fail()
      const building = yield* Effect.forkScoped(build)
      yield* TestClock.adjust(Duration.seconds(2))
      const exit = yield* Fiber.await(building)
      expect(Exit.isFailure(exit)).toBe(true)
      const times = yield* manager.callTimes
      expect(times.length).toBe(4)
      expect(times.at(-1)).toBeLessThanOrEqual(2000)
    }).pipe(Effect.provide(edges()))
  )

  it.scoped("an event from before the retry is older than the list that the retry brings", () =>
    Effect.gen(function* () {
      const manager = yield* TestTenantManager
      const events = yield* TestTenantEvents
      yield* manager.fail(outage(), 1)
      const building = yield* Effect.forkScoped(build)
      yield* manager.awaitCalls(1)
      yield* settle
      // Suspended and associated again; the second event is lost, and the list knows.
      yield* events.send(TestEvent.suspended("a", SERVICE))
      yield* TestClock.adjust("2 seconds")
      const context = yield* Fiber.join(building)
      expect(yield* Effect.provide(seen, context)).toEqual(ids("a"))
    }).pipe(Effect.provide(edges({ tenants: ["a"] })))
  )

  it.scoped("an outage that ends within the retries starts the discovery", () =>
    Effect.gen(function* () {
      const manager = yield* TestTenantManager
      yield* manager.fail(outage(), 2)
      const building = yield* Effect.forkScoped(build)
      yield* TestClock.adjust(Duration.seconds(2))
      const context = yield* Fiber.join(building)
      expect(yield* Effect.provide(seen, context)).toEqual(ids("a"))
      expect(yield* manager.calls).toBe(3)
    }).pipe(Effect.provide(edges({ tenants: ["a"] })))
  )

  const answers: ReadonlyArray<TenantManagerError> = [
    new TenantManagerUnauthorized({ operation, message }),
    new TenantManagerNotFound({ operation, message }),
    new TenantManagerRejected({ operation, message, status: 422, retryAfter: undefined }),
    new TenantManagerMalformedBody({ operation, message, excerpt: undefined }),
    new TenantManagerBodyTooLarge({ operation, message, limit: 1 })
  ]
  it.scoped.each(answers.map((error) => [error._tag, error] as const))(
    "%s is not tried again, and is the layer's error",
    ([, error]) =>
      Effect.gen(function* () {
        const events = yield* TestTenantEvents
        const manager = yield* TestTenantManager
        yield* manager.fail(error)
        const failure = yield* Effect.flip(Effect.scoped(build))
        expect(failure).toBe(error)
        expect(yield* manager.calls).toBe(1)
        expect(yield* events.subscriptions).toBe(0)
      }).pipe(Effect.provide(edges()))
  )

  it.scoped("no try begins after the window, however slow the outage", () =>
    Effect.gen(function* () {
      const manager = yield* TestTenantManager
      const held = yield* manager.hold()
      const building = yield* Effect.forkScoped(Effect.exit(Effect.scoped(build)))
      yield* held.asked
      yield* TestClock.adjust(Duration.seconds(30))
      yield* held.fail(
        new TenantManagerTimedOut({ operation, message, timeout: Duration.seconds(30) })
      )
      const exit = yield* Fiber.join(building)
      expect(
        Exit.isFailure(exit) && Option.map(Cause.failureOption(exit.cause), ({ _tag }) => _tag)
      ).toEqual(Option.some("TenantManagerTimedOut"))
      expect(yield* manager.calls).toBe(1)
    }).pipe(Effect.provide(edges()))
  )

  it.scoped("a start that is interrupted while the list hangs leaves nothing", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      yield* manager.hang
      const building = yield* Effect.forkScoped(Effect.scoped(build))
      yield* manager.awaitCalls(1)
      yield* Fiber.interrupt(building)
      expect(yield* events.subscriptions).toBe(0)
      expect(yield* manager.underWay).toBe(0)
    }).pipe(Effect.provide(edges()))
  )

  it.scoped("an empty list is an empty array", () =>
    Effect.gen(function* () {
      const discovery = yield* TenantDiscovery
      expect(yield* discovery.activeTenantIds).toEqual([])
      expect(yield* mode).toBe("Live")
    }).pipe(Effect.provide(world()))
  )
})

describe("law 3: no Redis is no failure", () => {
  it.scoped("a silent subscription is waited for five seconds; one warning, BootstrapOnly", () => {
    const log = logged()
    return Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      const building = yield* Effect.forkScoped(build)
      yield* events.awaitSubscription
      yield* TestClock.adjust(Duration.millis(4999))
      expect(yield* manager.calls).toBe(0)
      yield* TestClock.adjust(Duration.millis(1))
      const context = yield* Fiber.join(building)
      yield* Effect.gen(function* () {
        expect(yield* seen).toEqual(ids("a"))
        expect(yield* mode).toBe("BootstrapOnly")
      }).pipe(Effect.provide(context))
      expect(log.at("WARN").map((line) => line.message)).toEqual([
        expect.stringMatching(/no subscription to tenant events/)
      ])
      expect(log.at("WARN")[0]?.fields).toMatchObject({ service: SERVICE })
    }).pipe(
      Effect.provide(edges({ tenants: ["a"], events: { auto: false } })),
      Effect.provide(log.layer)
    )
  })

  it.scoped(
    "lists go on without it, failed attempts add no warning, and it turns Live when it comes",
    () => {
      const log = logged()
      return Effect.gen(function* () {
        const events = yield* TestTenantEvents
        const manager = yield* TestTenantManager
        const building = yield* Effect.forkScoped(build)
        yield* events.awaitSubscription
        yield* events.lose()
        const context = yield* Fiber.join(building)
        yield* Effect.gen(function* () {
          yield* manager.add("b")
          yield* events.lose()
          yield* TestClock.adjust(Duration.seconds(72))
          expect(yield* seen).toEqual(ids("a", "b"))
          expect(yield* mode).toBe("BootstrapOnly")
          expect(log.at("WARN").length).toBe(1)
          const changes = yield* record
          yield* manager.add("c")
          yield* events.subscribed
          expect(yield* mode).toBe("Live")
          expect(changes).toEqual(["+c"])
        }).pipe(Effect.provide(context))
      }).pipe(
        Effect.provide(edges({ tenants: ["a"], events: { auto: false } })),
        Effect.provide(log.layer)
      )
    }
  )
})

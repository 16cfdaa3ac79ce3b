import { describe, expect, it } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Fiber, Layer, TestClock } from "effect"
import type { Reducer } from "../../src/internal/discovery/state.js"
import { reduce } from "../../src/internal/discovery/reducer.js"
import {
  TenantDiscovery,
  TenantManagerBodyTooLarge,
  type TenantManagerError,
  TenantManagerMalformedBody,
  TenantManagerNotFound,
  TenantManagerRejected,
  TenantManagerTimedOut,
  TenantManagerUnauthorized
} from "../../src/index.js"
import { outage, TestTenantEvents, TestTenantManager } from "../../src/testing.js"
import {
  SERVICE,
  edges,
  discovery,
  settle,
  active,
  mode,
  recordChanges,
  none,
  one,
  overEdges,
  over,
  warning,
  suspended,
  named
} from "./harness.js"

const operation = "GET /v1/tenants/active"
const message = "an error of the test"

const build = Layer.build(discovery())

const manual = { events: { auto: false } }
const manualOne = { ...one, ...manual }

describe("law 1: subscribe, then list", () => {
  overEdges(manual)("lists after the acknowledgement", function* ({ events, manager }) {
    const building = yield* Effect.forkScoped(build)
    yield* events.awaitSubscription
    yield* settle
    expect(yield* manager.calls).toBe(0)
    yield* events.subscribed
    yield* Fiber.join(building)
    expect(yield* manager.calls).toBe(1)
  })
})

describe("law 2: fail fast at the start", () => {
  overEdges(none)("retries an outage three times within two seconds", function* ({ manager }) {
    yield* manager.fail()
    const building = yield* Effect.forkScoped(build)
    yield* TestClock.adjust(Duration.seconds(2))
    expect(Exit.isFailure(yield* Fiber.await(building))).toBe(true)
    const times = yield* manager.callTimes
    expect(times.length).toBe(4)
    expect(times.at(-1)).toBeLessThanOrEqual(2000)
  })

  overEdges(one)("lets a retried list overrule an older event", function* ({ events, manager }) {
    yield* manager.fail(outage(), 2)
    const building = yield* Effect.forkScoped(build)
    yield* manager.awaitCalls(1)
    yield* settle
    // The event that reverts this one is lost; the list has the tenant.
    yield* events.send(suspended("a"))
    yield* TestClock.adjust(Duration.seconds(2))
    const context = yield* Fiber.join(building)
    expect(yield* Effect.provide(active, context)).toEqual(["a"])
    expect(yield* manager.calls).toBe(3)
  })

  const rejected = (retryAfter: Duration.DurationInput | undefined) =>
    new TenantManagerRejected({
      operation,
      message,
      status: 429,
      retryAfter: retryAfter === undefined ? undefined : Duration.decode(retryAfter)
    })

  overEdges(none)("retries a 429 whose Retry-After fits in the window", function* ({ manager }) {
    yield* manager.fail(rejected("1 second"), 1)
    const building = yield* Effect.forkScoped(build)
    yield* TestClock.adjust(Duration.millis(999))
    expect(yield* manager.calls).toBe(1)
    yield* TestClock.adjust(Duration.millis(1))
    yield* Fiber.join(building)
    expect(yield* manager.calls).toBe(2)
  })

  const final: ReadonlyArray<readonly [string, TenantManagerError]> = [
    ["401", new TenantManagerUnauthorized({ operation, message })],
    ["404", new TenantManagerNotFound({ operation, message })],
    ["429 without Retry-After", rejected(undefined)],
    ["429 whose Retry-After exceeds the window", rejected("3 seconds")],
    [
      "a malformed body",
      new TenantManagerMalformedBody({ operation, message, excerpt: undefined })
    ],
    ["a body too large", new TenantManagerBodyTooLarge({ operation, message, limit: 1 })]
  ]
  it.scoped.each(final)("fails the layer at once: %s", ([, error]) =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      yield* manager.fail(error)
      expect(yield* Effect.flip(Effect.scoped(build))).toBe(error)
      expect(yield* manager.calls).toBe(1)
      expect(yield* events.subscriptions).toBe(0)
    }).pipe(Effect.provide(edges()))
  )

  overEdges(none)("begins no retry after the window", function* ({ manager }) {
    const held = yield* manager.hold()
    const building = yield* Effect.forkScoped(Effect.flip(Effect.scoped(build)))
    yield* held.asked
    yield* TestClock.adjust(Duration.seconds(30))
    const timeout = Duration.seconds(30)
    yield* held.fail(new TenantManagerTimedOut({ operation, message, timeout }))
    expect((yield* Fiber.join(building))._tag).toBe("TenantManagerTimedOut")
    expect(yield* manager.calls).toBe(1)
  })

  overEdges(one)("fails the layer when the first list cannot be applied", function* ({ log }) {
    const reducer: Reducer = (settings, state, inputs, now) => {
      if (inputs.some(({ _tag }) => _tag === "Listed")) throw new Error("a fault of the test")
      return reduce(settings, state, inputs, now)
    }
    const error = yield* Effect.flip(Effect.scoped(Layer.build(discovery({ reducer }))))
    expect(error._tag).toBe("TenantManagerUnavailable")
    expect(log.at("ERROR").length).toBe(1)
  })

  over(none)("starts Live without a tenant when the list is empty", function* () {
    expect(yield* active).toEqual([])
    expect(yield* mode).toBe("Live")
  })
})

describe("law 3: an unreachable Redis does not fail the layer", () => {
  overEdges(manualOne)("starts as BootstrapOnly after 5 s", function* ({ events, manager, log }) {
    const building = yield* Effect.forkScoped(build)
    yield* events.awaitSubscription
    yield* TestClock.adjust(Duration.millis(4999))
    expect(yield* manager.calls).toBe(0)
    yield* TestClock.adjust(Duration.millis(1))
    const context = yield* Fiber.join(building)
    expect(yield* Effect.provide(active, context)).toEqual(["a"])
    expect(yield* Effect.provide(mode, context)).toBe("BootstrapOnly")
    expect(log.at("WARN")).toEqual([
      warning(expect.stringMatching(/^running without events \(BootstrapOnly\): /))
    ])
  })

  overEdges(manualOne)("becomes Live when Redis is back", function* ({ events, manager, log }) {
    const building = yield* Effect.forkScoped(build)
    yield* events.awaitSubscription
    yield* events.lose()
    const context = yield* Fiber.join(building)
    yield* Effect.gen(function* () {
      yield* manager.add("b")
      yield* events.lose()
      yield* TestClock.adjust(Duration.seconds(72))
      expect(yield* active).toEqual(["a", "b"])
      expect(yield* mode).toBe("BootstrapOnly")
      expect(log.at("WARN").length).toBe(1)
      const changes = yield* recordChanges
      yield* manager.add("c")
      yield* events.subscribed
      expect(yield* mode).toBe("Live")
      expect(changes).toEqual(["+c"])
    }).pipe(Effect.provide(context))
  })
})

describe("single-tenant mode", () => {
  it.scoped("has the given tenants and is always fresh", () =>
    Effect.gen(function* () {
      const layer = TenantDiscovery.layerSingleTenant({
        tenants: [named("b", "B"), named("a", "A")],
        service: SERVICE
      })
      const service = Context.get(yield* Layer.build(layer), TenantDiscovery)
      yield* TestClock.adjust(Duration.days(1))
      expect(yield* service.activeTenantIds).toEqual(["a", "b"])
      expect((yield* service.requireFresh(0)).mode).toBe("SingleTenant")
      expect(yield* service.status.get).toMatchObject({ service: SERVICE, tenantCount: 2 })
      yield* service.refresh
    })
  )
})

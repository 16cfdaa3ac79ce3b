import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Either, Fiber, Layer, TestClock } from "effect"
import {
  TenantManagerRejected,
  TenantDiscovery,
  TenantManager,
  TenantManagerUnavailable
} from "../../src/index.js"
import { outage, TestTenantEvents, TestTenantManager } from "../../src/testing.js"
import { edges, ids, logged, mode, record, seen, SERVICE, settle, world } from "./harness.js"

const refresh = Effect.flatMap(TenantDiscovery, (discovery) => discovery.refresh)

describe("law 8: a failed re-list changes nothing but the status and the age", () => {
  it.scoped(
    "the tenants stay, nobody is told, the status says why, one warning and one good word",
    () => {
      const log = logged()
      return Effect.gen(function* () {
        const manager = yield* TestTenantManager
        const discovery = yield* TenantDiscovery
        const changes = yield* record
        const error = outage(500)
        yield* manager.fail(error)
        expect(yield* Effect.flip(refresh)).toBe(error)
        yield* TestClock.adjust(Duration.minutes(2))
        expect(yield* manager.calls).toBeGreaterThan(4)
        expect(yield* seen).toEqual(ids("a"))
        const status = yield* discovery.status.get
        expect(status).toMatchObject({ mode: "Live", lastError: { _tag: "ListFailed", error } })
        expect(status.lastListedAt).toBe(0)
        yield* manager.recover
        yield* TestClock.adjust(Duration.seconds(30))
        expect(changes).toEqual([])
        expect(log.at("WARN").map((line) => line.fields)).toEqual([
          { service: SERVICE, error: "TenantManagerUnavailable" }
        ])
        expect(
          log.at("INFO").filter((line) => /lists tenants again/.test(line.message)).length
        ).toBe(1)
      }).pipe(Effect.provide(world({ tenants: ["a"] })), Effect.provide(log.layer))
    }
  )

  it.scoped("retries wait at most 500 ms doubled to 30 s, and start anew after a good list", () =>
    Effect.gen(function* () {
      const manager = yield* TestTenantManager
      yield* manager.fail()
      yield* Effect.flip(refresh)
      yield* TestClock.adjust(Duration.minutes(10))
      const times = (yield* manager.callTimes).slice(1)
      const waits = times.slice(1).map((time, i) => time - (times[i] ?? 0))
      waits.forEach((wait, i) => {
        expect(wait).toBeLessThanOrEqual(Math.min(30_000, 500 * 2 ** i) + 1)
      })
      // Full jitter has a mean of half the bound: ten minutes are some forty lists, not thousands.
      expect(waits.length).toBeLessThan(120)
      expect(waits.some((wait) => wait > 10_000)).toBe(true)
      expect(yield* manager.mostUnderWay).toBe(1)
    }).pipe(Effect.provide(world({ tenants: ["a"] })))
  )

  it.scoped(
    "a list that hangs is not joined by another; a request meanwhile is served by the next",
    () =>
      Effect.gen(function* () {
        const events = yield* TestTenantEvents
        const manager = yield* TestTenantManager
        const held = yield* manager.hold()
        const first = yield* Effect.fork(refresh)
        yield* held.asked
        const second = yield* Effect.fork(refresh)
        const third = yield* Effect.fork(refresh)
        yield* events.lose()
        yield* events.subscribed
        yield* TestClock.adjust(Duration.minutes(5))
        expect(yield* manager.calls).toBe(2)
        yield* manager.add("b")
        const next = yield* manager.hold()
        yield* held.release
        yield* Fiber.join(first)
        yield* next.asked
        expect(yield* second.poll).toMatchObject({ _tag: "None" })
        yield* next.release
        yield* Fiber.join(second)
        yield* Fiber.join(third)
        expect(yield* seen).toEqual(ids("a", "b"))
        expect(yield* manager.calls).toBe(3)
        expect(yield* manager.mostUnderWay).toBe(1)
      }).pipe(Effect.provide(world({ tenants: ["a"] })))
  )

  it.scoped("concurrent refreshes share one list", () =>
    Effect.gen(function* () {
      const manager = yield* TestTenantManager
      yield* Effect.all(
        Array.from({ length: 50 }, () => refresh),
        { concurrency: "unbounded" }
      )
      expect(yield* manager.calls).toBe(2)
    }).pipe(Effect.provide(world()))
  )

  it.scoped("an interrupted refresh does not stop the list", () =>
    Effect.gen(function* () {
      const manager = yield* TestTenantManager
      const held = yield* manager.hold()
      const refreshing = yield* Effect.fork(refresh)
      yield* held.asked
      yield* manager.add("b")
      yield* Fiber.interrupt(refreshing)
      yield* held.release
      expect(yield* seen).toEqual(ids("a"))
      expect(yield* manager.underWay).toBe(0)
      yield* refresh
      expect(yield* seen).toEqual(ids("a", "b"))
    }).pipe(Effect.provide(world({ tenants: ["a"] })))
  )

  for (const [name, error] of [
    [
      "429",
      new TenantManagerRejected({
        operation: "GET",
        message: "slow down",
        status: 429,
        retryAfter: Duration.seconds(20)
      })
    ],
    [
      "503",
      new TenantManagerUnavailable({
        operation: "GET",
        message: "slow down",
        status: 503,
        retryAfter: Duration.seconds(20),
        cause: undefined
      })
    ]
  ] as const) {
    it.scoped(`${name} with Retry-After: nothing is asked before, not for a refresh either`, () =>
      Effect.gen(function* () {
        const manager = yield* TestTenantManager
        yield* manager.fail(error, 1)
        expect(yield* Effect.flip(refresh)).toBe(error)
        const waiting = yield* Effect.fork(refresh)
        yield* TestClock.adjust(Duration.millis(19_999))
        expect(yield* manager.calls).toBe(2)
        yield* TestClock.adjust(Duration.millis(1))
        yield* Fiber.join(waiting)
        expect(yield* manager.calls).toBe(3)
      }).pipe(Effect.provide(world({ discovery: { relistBackoff: Duration.millis(1) } })))
    )
  }

  it.scoped("a re-list that fails after a gap leaves it Resyncing until one succeeds", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      yield* events.lose()
      yield* settle
      yield* manager.fail()
      yield* manager.set(["a", "b"])
      yield* events.subscribed
      expect(yield* mode).toBe("Resyncing")
      yield* TestClock.adjust(Duration.minutes(1))
      expect(yield* mode).toBe("Resyncing")
      yield* manager.recover
      yield* TestClock.adjust(Duration.seconds(30))
      expect(yield* mode).toBe("Live")
      expect(yield* seen).toEqual(ids("a", "b"))
    }).pipe(Effect.provide(world({ tenants: ["a"] })))
  )
})

describe("a client that misbehaves", () => {
  /** A manager whose lists after the first do as told. */
  const misbehaving = (then: TenantManager["Type"]["listActiveTenants"]) =>
    Layer.effect(
      TenantManager,
      Effect.map(TenantManager, (manager) => {
        let calls = 0
        return {
          ...manager,
          listActiveTenants: Effect.suspend(() => {
            calls++
            return calls === 2 ? then : manager.listActiveTenants
          })
        }
      })
    )

  for (const [name, then] of [
    ["dies", Effect.die(new Error("out of order"))],
    ["is interrupted from within", Effect.interrupt]
  ] as const) {
    it.scoped(`a list that ${name} is a failed list, and the next one is asked for`, () => {
      const log = logged()
      return Effect.gen(function* () {
        const manager = yield* TestTenantManager
        const answer = yield* Effect.either(refresh)
        expect(Either.isLeft(answer) && answer.left._tag).toBe("TenantManagerUnavailable")
        expect(log.at("ERROR").length).toBe(1)
        yield* manager.add("b")
        yield* TestClock.adjust(Duration.seconds(1))
        expect(yield* seen).toEqual(ids("a", "b"))
      }).pipe(
        Effect.provide(
          TenantDiscovery.layer().pipe(
            Layer.provide(misbehaving(then)),
            Layer.provideMerge(edges({ tenants: ["a"] }))
          )
        ),
        Effect.provide(log.layer)
      )
    })
  }
})

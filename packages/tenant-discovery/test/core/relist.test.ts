import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Fiber, TestClock } from "effect"
import { TenantManagerRejected, TenantManagerUnavailable } from "../../src/index.js"
import { outage, TestTenantManager } from "../../src/testing.js"
import {
  world,
  refresh,
  status,
  active,
  refreshHeld,
  over,
  scenario,
  type WorldOptions,
  warning
} from "./harness.js"

describe("law 8: a failed relist changes only the status and the age", () => {
  scenario("logs the failure and the recovery once", function* ({ manager, log, changes }) {
    const error = outage(500)
    yield* manager.fail(error)
    expect(yield* Effect.flip(refresh)).toBe(error)
    yield* TestClock.adjust(Duration.minutes(2))
    expect(yield* manager.calls).toBeGreaterThan(4)
    expect(yield* active).toEqual(["a"])
    expect(yield* status).toMatchObject({
      mode: "Live",
      lastListedAt: 0,
      lastError: { _tag: "ListFailed", error }
    })
    yield* manager.recover
    yield* TestClock.adjust(Duration.seconds(30))
    expect(changes).toEqual([])
    expect(log.at("WARN")).toEqual([
      warning(`list failed: ${error.message}; retrying`, { error: error._tag })
    ])
    const recovered = log.messages("INFO").filter((text) => /lists tenants again/.test(text))
    expect(recovered.length).toBe(1)
  })

  scenario("backs off with full jitter from 500 ms to 30 s", function* ({ manager }) {
    yield* manager.fail()
    yield* Effect.flip(refresh)
    yield* TestClock.adjust(Duration.minutes(10))
    const times = (yield* manager.callTimes).slice(1)
    const waits = times.slice(1).map((time, i) => time - (times[i] ?? 0))
    waits.forEach((wait, i) => {
      expect(wait).toBeLessThanOrEqual(Math.min(30_000, 500 * 2 ** i) + 1)
    })
    // The mean wait is half of the bound: some 40 lists in ten minutes.
    expect(waits.length).toBeLessThan(120)
    expect(waits.some((wait) => wait > 10_000)).toBe(true)
    expect(yield* manager.mostUnderWay).toBe(1)
  })

  scenario("gives a refresh during a list the next list", function* ({ events, manager }) {
    const first = yield* refreshHeld
    const second = yield* Effect.fork(refresh)
    const third = yield* Effect.fork(refresh)
    yield* events.lose()
    yield* events.subscribed
    yield* TestClock.adjust(Duration.minutes(5))
    expect(yield* manager.calls).toBe(2)
    yield* manager.add("b")
    const next = yield* manager.hold()
    yield* first.finish
    yield* next.asked
    expect(yield* second.poll).toMatchObject({ _tag: "None" })
    yield* next.release
    yield* Fiber.join(second)
    yield* Fiber.join(third)
    expect(yield* active).toEqual(["a", "b"])
    expect(yield* manager.calls).toBe(3)
    expect(yield* manager.mostUnderWay).toBe(1)
  })

  over({})("shares one list among concurrent refreshes", function* ({ manager }) {
    yield* Effect.all(
      Array.from({ length: 50 }, () => refresh),
      { concurrency: "unbounded" }
    )
    expect(yield* manager.calls).toBe(2)
  })

  scenario("does not stop the list when a refresh is interrupted", function* ({ manager }) {
    const held = yield* manager.hold({ snapshot: "Released" })
    const refreshing = yield* Effect.fork(refresh)
    yield* held.asked
    yield* manager.add("b")
    yield* Fiber.interrupt(refreshing)
    yield* held.release
    expect(yield* active).toEqual(["a", "b"])
    expect(yield* manager.underWay).toBe(0)
  })

  const slowDown = {
    operation: "GET",
    message: "slow down",
    retryAfter: Duration.seconds(20)
  }
  it.scoped.each([
    new TenantManagerRejected({ ...slowDown, status: 429 }),
    new TenantManagerUnavailable({ ...slowDown, status: 503, cause: undefined })
  ])("waits as long as Retry-After asks, also for a refresh: $status", (error) =>
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
    }).pipe(Effect.provide(world({ discovery: { relistBackoff: 1 } })))
  )
})

describe("a tenant manager client with a defect", () => {
  const fault = new Error("a defect of the client")
  const clients: ReadonlyArray<readonly [string, Effect.Effect<never>]> = [
    ["dies", Effect.die(fault)],
    ["interrupts itself", Effect.interrupt],
    [
      "throws",
      Effect.suspend(() => {
        throw fault
      })
    ]
  ]
  for (const [name, instead] of clients) {
    let calls = 0
    const list: WorldOptions["list"] = (list) =>
      Effect.flatMap(
        Effect.sync(() => ++calls),
        (call) => (call === 2 ? instead : list)
      )
    over({ tenants: ["a"], list })(
      `fails the list and lists again when it ${name}`,
      function* ({ log, manager }) {
        expect((yield* Effect.flip(refresh))._tag).toBe("TenantManagerUnavailable")
        expect(log.at("ERROR").length).toBe(1)
        yield* manager.add("b")
        yield* TestClock.adjust(Duration.seconds(1))
        expect(yield* active).toEqual(["a", "b"])
      }
    )
  }
})

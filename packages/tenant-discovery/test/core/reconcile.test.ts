import { describe, expect } from "@effect/vitest"
import { Duration, type Effect, TestClock } from "effect"
import { TestEvent } from "../../src/testing.js"
import { named, active, refreshHeld, growth, over, scenario, associated } from "./harness.js"

/** How many changes count as drift while `effect` runs. */
const drift = <A, E, R>(effect: Effect.Effect<A, E, R>) => growth("drift", {}, effect)

const off = { discovery: { reconcileInterval: 0 } }

describe("law 5: reconcile at an interval", () => {
  scenario("relists every 60 s with jitter, counts drift", function* ({ manager, log, changes }) {
    yield* manager.set(["a", "silent"])
    expect(yield* drift(TestClock.adjust(Duration.seconds(72)))).toBe(1)
    expect(changes).toEqual(["+silent"])
    expect(log.messages("INFO")).toContain("reconciliation found 1 changes that no event reported")
    yield* TestClock.adjust(Duration.minutes(10))
    const times = yield* manager.callTimes
    const waits = times.slice(1).map((time, i) => time - (times[i] ?? 0))
    expect(waits.every((wait) => wait >= 48_000 && wait <= 72_001)).toBe(true)
    expect(new Set(waits).size).toBeGreaterThan(1)
  })

  scenario("does not count a new name as drift", function* ({ events, manager, changes }) {
    yield* manager.set(["a", named("b", "Globex")])
    yield* events.send(associated("b"))
    expect(yield* drift(TestClock.adjust(Duration.seconds(72)))).toBe(0)
    expect(changes).toEqual(["+b", "b Updated"])
  })

  over(off)("does not relist when the interval is 0", function* ({ manager }) {
    yield* TestClock.adjust(Duration.hours(1))
    expect(yield* manager.calls).toBe(1)
  })
})

describe("tenant.activated", () => {
  scenario("requests one list for many events within 250 ms", function* ({ events, manager }) {
    yield* manager.set(["a", "back"])
    for (let i = 0; i < 10; i++) {
      yield* events.send(TestEvent.tenantActivated(`x-${i}`))
      yield* TestClock.adjust(Duration.millis(20))
    }
    expect(yield* manager.calls).toBe(1)
    yield* TestClock.adjust(Duration.millis(50))
    expect(yield* manager.calls).toBe(2)
    expect(yield* active).toEqual(["a", "back"])
    yield* TestClock.adjust(Duration.seconds(10))
    expect(yield* manager.calls).toBe(2)
  })

  scenario("requests another list when it arrives during one", function* ({ events, manager }) {
    const held = yield* refreshHeld
    yield* manager.add("back")
    yield* events.send(TestEvent.tenantActivated("back"))
    yield* held.finish
    expect(yield* active).toEqual(["a"])
    yield* TestClock.adjust(Duration.millis(250))
    expect(yield* active).toEqual(["a", "back"])
  })

  scenario("lists at most a quarter of the time", function* ({ events, manager }) {
    yield* manager.delay(Duration.seconds(1))
    for (let i = 0; i < 300; i++) {
      yield* events.send(TestEvent.tenantActivated("x"))
      yield* TestClock.adjust(Duration.millis(200))
    }
    // A list of 1 s begins at most every 4 s, for 60 s.
    expect(yield* manager.calls).toBeLessThanOrEqual(17)
    expect(yield* manager.calls).toBeGreaterThan(8)
  })
})

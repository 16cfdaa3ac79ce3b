import { describe, expect, it } from "@effect/vitest"
import { Context, Duration, Effect, Layer, Random, TestClock } from "effect"
import { TenantDiscovery } from "../../src/index.js"
import { TestTenantEvents, TestTenantManager } from "../../src/testing.js"
import {
  edges,
  settle,
  debounced,
  active,
  mode,
  refreshHeld,
  over,
  scenario,
  warning,
  associated,
  suspended
} from "./harness.js"

const two = { tenants: ["a", "b"] }

describe("law 4: every gap is closed", () => {
  over(two)("publishes the difference after a reconnect", function* ({ events, manager, changes }) {
    yield* debounced
    yield* events.lose()
    expect(yield* mode).toBe("BootstrapOnly")
    yield* manager.set(["b", "c"])
    yield* events.send(associated("c"), suspended("a"))
    expect(yield* active).toEqual(["a", "b"])
    yield* events.subscribed
    expect(yield* active).toEqual(["b", "c"])
    expect(yield* mode).toBe("Live")
    expect([...changes].sort()).toEqual(["+c", "-a Listing"])
    expect(yield* manager.calls).toBe(2)
  })

  scenario("logs a loss once and its recovery once", function* ({ events, log }) {
    yield* debounced
    yield* events.lose({ _tag: "HeartbeatTimedOut", message: "no answer within 5 s" })
    yield* events.lose({ _tag: "ConnectFailed", message: "refused" })
    yield* events.subscribed
    expect(log.at("WARN")).toEqual([
      warning("subscription lost: no answer within 5 s; relisting and retrying", {
        cause: "HeartbeatTimedOut"
      })
    ])
    expect(log.messages("INFO").at(-1)).toBe("following tenant events")
  })
})

describe("law 6: events during a list", () => {
  const keptAndOld = { tenants: ["kept", "old"] }
  over(keptAndOld)("apply at once, and the list reverts none", function* ({ events, changes }) {
    const held = yield* refreshHeld
    yield* events.send(associated("new"), suspended("old"))
    expect(yield* active).toEqual(["kept", "new"])
    yield* held.finish
    expect(yield* active).toEqual(["kept", "new"])
    expect(changes).toEqual(["+new", "-old tenant.service.suspended"])
  })
})

describe("resubscribeJitter", () => {
  /** A discovery with a random sequence of its own. */
  const replica = (seed: number) =>
    TenantDiscovery.layer().pipe(
      Layer.provide(Layer.setRandom(Random.make(seed))),
      Layer.provideMerge(edges({ tenants: ["a"] })),
      Layer.build,
      Effect.map((context) => ({
        discovery: Context.get(context, TenantDiscovery),
        events: Context.get(context, TestTenantEvents),
        manager: Context.get(context, TestTenantManager)
      }))
    )

  it.scoped("spreads the relists of a fleet over 2 s and keeps the first list prompt", () =>
    Effect.gen(function* () {
      const fleet = yield* Effect.forEach(Array.from({ length: 40 }).keys(), replica)
      for (const { manager } of fleet) expect(yield* manager.callTimes).toEqual([0])
      yield* TestClock.adjust(Duration.seconds(10))
      for (const { events } of fleet) yield* events.lose()
      yield* settle
      for (const { events } of fleet) yield* events.subscribed
      yield* TestClock.adjust(Duration.seconds(2))
      const times: Array<number> = []
      for (const { discovery, manager } of fleet) {
        const [, relist] = yield* manager.callTimes
        times.push((relist ?? Number.NaN) - 10_000)
        expect((yield* discovery.status.get).mode).toBe("Live")
      }
      expect(times.every((time) => time >= 0 && time <= 2000)).toBe(true)
      // Each half second has some of the 40, and none has half of them.
      for (const from of [0, 500, 1000, 1500]) {
        const inSlice = times.filter((time) => time >= from && time < from + 500).length
        expect(inSlice).toBeGreaterThan(0)
        expect(inSlice).toBeLessThan(20)
      }
    })
  )
})

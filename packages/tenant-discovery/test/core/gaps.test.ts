import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Metric, TestClock } from "effect"
import * as Metrics from "../../src/internal/metrics.js"
import { TenantDiscovery } from "../../src/index.js"
import { TestEvent, TestTenantEvents, TestTenantManager } from "../../src/testing.js"
import { apart, ids, logged, mode, named, record, seen, SERVICE, settle, world } from "./harness.js"

describe("law 4: every gap is closed", () => {
  it.scoped("what was missed is found by the list after the subscription is back, as changes", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      const changes = yield* record
      yield* apart
      yield* events.lose()
      expect(yield* mode).toBe("BootstrapOnly")
      yield* manager.set(["b", "c"])
      yield* events.send(TestEvent.associated("c", SERVICE), TestEvent.suspended("a", SERVICE))
      expect(yield* seen).toEqual(ids("a", "b"))
      yield* events.subscribed
      expect(yield* seen).toEqual(ids("b", "c"))
      expect(yield* mode).toBe("Live")
      expect([...changes].sort()).toEqual(["+c", "-a Listing"])
      expect(yield* manager.calls).toBe(2)
    }).pipe(Effect.provide(world({ tenants: ["a", "b"] })))
  )

  it.scoped(
    "Resyncing until that list is in; a list from before the subscription does not count",
    () =>
      Effect.gen(function* () {
        const events = yield* TestTenantEvents
        const manager = yield* TestTenantManager
        const discovery = yield* TenantDiscovery
        yield* apart
        yield* events.lose()
        const early = yield* manager.hold()
        const refreshing = yield* Effect.fork(discovery.refresh)
        yield* early.asked
        const late = yield* manager.hold()
        yield* events.subscribed
        expect(yield* mode).toBe("Resyncing")
        yield* early.release
        yield* Fiber.join(refreshing)
        expect(yield* mode).toBe("Resyncing")
        yield* apart
        yield* late.asked
        yield* late.release
        expect(yield* mode).toBe("Live")
      }).pipe(Effect.provide(world({ tenants: ["a"] })))
  )

  it.scoped("a subscription lost while its list is under way is not Live by that list", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      yield* apart
      yield* events.lose()
      const held = yield* manager.hold()
      yield* events.subscribed
      yield* held.asked
      yield* events.lose()
      yield* settle
      yield* held.release
      expect(yield* mode).toBe("BootstrapOnly")
    }).pipe(Effect.provide(world({ tenants: ["a"] })))
  )

  it.scoped("one warning a loss, one line when it is well again", () => {
    const log = logged()
    return Effect.gen(function* () {
      const events = yield* TestTenantEvents
      yield* apart
      yield* events.lose({ _tag: "HeartbeatTimedOut", message: "no answer within 5 s" })
      yield* settle
      yield* events.subscribed
      yield* settle
      expect(log.at("WARN")).toEqual([
        {
          level: "WARN",
          message: "lost the subscription to tenant events: no answer within 5 s; will retry",
          fields: { service: SERVICE, cause: "HeartbeatTimedOut" }
        }
      ])
      expect(log.at("INFO").at(-1)?.message).toMatch(/following tenant events/)
    }).pipe(Effect.provide(world({ tenants: ["a"] })), Effect.provide(log.layer))
  })
})

describe("law 5: reconcile anyway", () => {
  const driftNow = Effect.map(Metric.value(Metrics.drift), ({ count }) => count)

  it.scoped("a list at each interval; what no event told is drift", () =>
    Effect.gen(function* () {
      const manager = yield* TestTenantManager
      const before = yield* driftNow
      const changes = yield* record
      yield* manager.set(["a", "silent"])
      yield* TestClock.adjust(Duration.seconds(72))
      expect(yield* seen).toEqual(ids("a", "silent"))
      expect(changes).toEqual(["+silent"])
      expect((yield* driftNow) - before).toBe(1)
      yield* TestClock.adjust(Duration.minutes(10))
      const times = yield* manager.callTimes
      const waits = times.slice(1).map((time, i) => time - (times[i] ?? 0))
      expect(waits.every((wait) => wait >= 48_000 && wait <= 72_001)).toBe(true)
      expect(new Set(waits).size).toBeGreaterThan(1)
    }).pipe(Effect.provide(world({ tenants: ["a"] })))
  )

  it.scoped("a name that the list knows and the event did not is no drift", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      const before = yield* driftNow
      const changes = yield* record
      yield* manager.set(["a", named("b", "Globex")])
      yield* events.send(TestEvent.associated("b", SERVICE))
      yield* TestClock.adjust(Duration.seconds(72))
      expect(changes).toEqual(["+b", "Updated b"])
      expect((yield* driftNow) - before).toBe(0)
    }).pipe(Effect.provide(world({ tenants: ["a"] })))
  )

  it.scoped("what a list finds because tenant.activated asked for it is no drift", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      const before = yield* driftNow
      yield* manager.set(["a", "back"])
      yield* events.send(TestEvent.tenantActivated("back"))
      yield* TestClock.adjust(Duration.millis(250))
      expect(yield* seen).toEqual(ids("a", "back"))
      expect((yield* driftNow) - before).toBe(0)
    }).pipe(Effect.provide(world({ tenants: ["a"] })))
  )

  it.scoped("an interval of 0 turns it off", () =>
    Effect.gen(function* () {
      const manager = yield* TestTenantManager
      yield* TestClock.adjust(Duration.hours(24))
      expect(yield* manager.calls).toBe(1)
    }).pipe(Effect.provide(world({ discovery: { reconcileInterval: 0 } })))
  )
})

describe("law 6: while a list is under way", () => {
  it.scoped("events apply at once, and the older list undoes neither an add nor a removal", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      const changes = yield* record
      const discovery = yield* TenantDiscovery
      const held = yield* manager.hold()
      const refreshing = yield* Effect.fork(discovery.refresh)
      yield* held.asked
      yield* events.send(TestEvent.associated("new", SERVICE), TestEvent.suspended("old", SERVICE))
      expect(yield* seen).toEqual(ids("kept", "new"))
      yield* held.release
      yield* Fiber.join(refreshing)
      expect(yield* seen).toEqual(ids("kept", "new"))
      expect(changes).toEqual(["+new", "-old tenant.service.suspended"])
    }).pipe(Effect.provide(world({ tenants: ["kept", "old"] })))
  )

  it.scoped("the last event of a tenant decides", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      const discovery = yield* TenantDiscovery
      const held = yield* manager.hold()
      const refreshing = yield* Effect.fork(discovery.refresh)
      yield* held.asked
      yield* events.send(
        TestEvent.suspended("a", SERVICE),
        TestEvent.reactivated("a", SERVICE),
        TestEvent.associated("b", SERVICE),
        TestEvent.purged("b", SERVICE)
      )
      yield* held.release
      yield* Fiber.join(refreshing)
      expect(yield* seen).toEqual(ids("a"))
    }).pipe(Effect.provide(world({ tenants: ["a"] })))
  )

  it.scoped("the list after it has its say again", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      const discovery = yield* TenantDiscovery
      const held = yield* manager.hold()
      const refreshing = yield* Effect.fork(discovery.refresh)
      yield* held.asked
      yield* events.send(TestEvent.suspended("a", SERVICE))
      yield* settle
      yield* held.release
      yield* Fiber.join(refreshing)
      expect(yield* seen).toEqual(ids("b"))
      yield* discovery.refresh
      expect(yield* seen).toEqual(ids("a", "b"))
    }).pipe(Effect.provide(world({ tenants: ["a", "b"] })))
  )

  it.scoped("an event during the list that closes a gap counts the same", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      yield* apart
      yield* events.lose()
      const held = yield* manager.hold()
      yield* events.subscribed
      yield* held.asked
      yield* events.send(TestEvent.tenantDeleted("a"), TestEvent.associated("c", SERVICE))
      yield* settle
      yield* held.release
      expect(yield* seen).toEqual(ids("b", "c"))
      expect(yield* mode).toBe("Live")
    }).pipe(Effect.provide(world({ tenants: ["a", "b"] })))
  )
})

describe("tenant.activated asks for a list", () => {
  it.scoped("many within 250 ms are one list", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      yield* manager.set(["a", "back"])
      for (let i = 0; i < 10; i++) {
        yield* events.send(TestEvent.tenantActivated(`x-${i}`))
        yield* TestClock.adjust(Duration.millis(20))
      }
      expect(yield* manager.calls).toBe(1)
      yield* TestClock.adjust(Duration.millis(50))
      expect(yield* manager.calls).toBe(2)
      expect(yield* seen).toEqual(ids("a", "back"))
      yield* TestClock.adjust(Duration.seconds(10))
      expect(yield* manager.calls).toBe(2)
    }).pipe(Effect.provide(world({ tenants: ["a"] })))
  )

  it.scoped("one that comes while a list is under way asks for another", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      const discovery = yield* TenantDiscovery
      const held = yield* manager.hold()
      const refreshing = yield* Effect.fork(discovery.refresh)
      yield* held.asked
      yield* manager.add("back")
      yield* events.send(TestEvent.tenantActivated("back"))
      yield* settle
      yield* held.release
      yield* Fiber.join(refreshing)
      expect(yield* seen).toEqual(ids("a"))
      yield* TestClock.adjust(Duration.millis(250))
      expect(yield* seen).toEqual(ids("a", "back"))
    }).pipe(Effect.provide(world({ tenants: ["a"] })))
  )
})

import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Stream, TestClock } from "effect"
import { type DiscoveryMode, TenantDiscovery } from "../../src/index.js"
import { TestEvent, TestTenantEvents, TestTenantManager } from "../../src/testing.js"
import { apart, logged, mode, SERVICE, settle, world } from "./harness.js"

const seconds = Duration.seconds

describe("law 13: the view is honest", () => {
  it.scoped("asOf is when the list was asked for, not when it came", () =>
    Effect.gen(function* () {
      const manager = yield* TestTenantManager
      const discovery = yield* TenantDiscovery
      yield* TestClock.adjust(seconds(10))
      yield* manager.delay(seconds(5))
      yield* Effect.fork(discovery.refresh)
      yield* TestClock.adjust(seconds(5))
      expect((yield* discovery.status.get).lastListedAt).toBe(15_000)
      expect((yield* discovery.view.get).asOf).toBe(10_000)
      const stale = yield* Effect.flip(discovery.requireFresh(seconds(4)))
      expect(stale).toMatchObject({ _tag: "StaleTenantView", mode: "Live" })
      expect(Duration.toMillis(stale.age)).toBe(5000)
      yield* discovery.requireFresh(seconds(5))
    }).pipe(Effect.provide(world({ tenants: ["a"], events: { heartbeatInterval: Infinity } })))
  )

  it.scoped("a heartbeat proves the view as of when it was sent, and only while Live", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      const discovery = yield* TenantDiscovery
      yield* TestClock.adjust(seconds(20))
      yield* events.aliveSentAt(19_000_000_000n)
      yield* settle
      expect((yield* discovery.view.get).asOf).toBe(19_000)
      yield* events.aliveSentAt(5_000_000_000n)
      yield* settle
      expect((yield* discovery.view.get).asOf).toBe(19_000)
      yield* events.lose()
      yield* manager.fail()
      yield* TestClock.adjust(seconds(1))
      yield* events.subscribed
      expect(yield* mode).toBe("Resyncing")
      yield* TestClock.adjust(seconds(1))
      yield* events.alive
      yield* settle
      expect((yield* discovery.view.get).asOf).toBe(19_000)
      yield* Effect.flip(discovery.requireFresh(seconds(2)))
    }).pipe(Effect.provide(world({ tenants: ["a"], events: { heartbeatInterval: Infinity } })))
  )

  it.scoped("events alone do not make it fresh", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const discovery = yield* TenantDiscovery
      yield* TestClock.adjust(seconds(30))
      yield* events.send(TestEvent.associated("b", SERVICE))
      yield* settle
      expect((yield* discovery.view.get).size).toBe(2)
      yield* Effect.flip(discovery.requireFresh(seconds(29)))
      yield* discovery.requireFresh(seconds(30))
    }).pipe(Effect.provide(world({ tenants: ["a"], events: { heartbeatInterval: Infinity } })))
  )

  it.scoped("a failed list leaves the age as it was", () =>
    Effect.gen(function* () {
      const manager = yield* TestTenantManager
      const discovery = yield* TenantDiscovery
      yield* manager.fail()
      yield* TestClock.adjust(seconds(100))
      yield* Effect.flip(discovery.requireFresh(seconds(99)))
      yield* manager.recover
      yield* discovery.refresh
      yield* discovery.requireFresh(0)
    }).pipe(Effect.provide(world({ tenants: ["a"], events: { heartbeatInterval: Infinity } })))
  )

  it.scoped("revisions rise, and the status tells the truth all along", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      const discovery = yield* TenantDiscovery
      const modes: Array<DiscoveryMode> = []
      const revisions: Array<number> = []
      yield* discovery.status.changes.pipe(
        Stream.map((status) => status.mode),
        Stream.changes,
        Stream.runForEach((now) => Effect.sync(() => modes.push(now))),
        Effect.forkScoped
      )
      yield* discovery.view.changes.pipe(
        Stream.runForEach((view) => Effect.sync(() => revisions.push(view.revision))),
        Effect.forkScoped
      )
      yield* apart
      yield* events.send(TestEvent.associated("b", SERVICE))
      yield* settle
      yield* events.lose()
      yield* settle
      const held = yield* manager.hold()
      yield* manager.add("b", "c")
      yield* events.subscribed
      yield* held.asked
      yield* settle
      yield* held.release
      yield* settle
      expect(modes).toEqual(["Live", "BootstrapOnly", "Resyncing", "Live"])
      expect(revisions).toEqual([...revisions].sort((a, b) => a - b))
      const status = yield* discovery.status.get
      expect(status).toMatchObject({ tenantCount: 3, lastEventAt: 300, lastListedAt: 300 })
      expect(status.lastError).toMatchObject({ _tag: "SubscriptionLost" })
    }).pipe(Effect.provide(world({ tenants: ["a"], events: { heartbeatInterval: Infinity } })))
  )
})

describe("logs", () => {
  it.scoped("every line of the loop names the service; none is written for ordinary events", () => {
    const log = logged()
    return Effect.gen(function* () {
      const events = yield* TestTenantEvents
      yield* settle
      const before = log.lines.length
      yield* events.send(
        ...Array.from({ length: 100 }, (_, i) => TestEvent.associated(`t-${i}`, SERVICE))
      )
      yield* settle
      expect(log.lines.length).toBe(before)
      yield* events.lose()
      yield* settle
      expect(log.lines.length).toBeGreaterThan(before)
      expect(log.lines.every((line) => line.fields["service"] === SERVICE)).toBe(true)
    }).pipe(Effect.provide(world()), Effect.provide(log.layer))
  })
})

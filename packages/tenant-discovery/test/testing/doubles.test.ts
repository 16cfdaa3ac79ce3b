import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Either, Fiber, TestClock } from "effect"
import {
  type SignalSink,
  TenantDiscovery,
  TenantEvents,
  TenantId,
  TenantManager,
  TenantManagerUnauthorized
} from "../../src/index.js"
import { outage, TestEvent, TestTenantDiscovery, TestTenantEvents } from "../../src/testing.js"
import { TenantListing } from "../../src/TenantListing.js"
import { none, one, over, overEdges, settle } from "../core/harness.js"

/** The signals that a subscription receives until the scope closes. */
const receive = Effect.flatMap(TenantEvents, ({ subscribe }) => {
  const signals: Array<string> = []
  const sink: SignalSink = {
    subscribed: () => signals.push("subscribed"),
    message: (raw) => signals.push(raw),
    alive: (at) => signals.push(`alive ${at}`),
    lost: (cause) => signals.push(`lost ${cause._tag}`)
  }
  return Effect.as(subscribe(sink), signals)
})

describe("TestTenantEvents", () => {
  overEdges(none)(
    "sends signals in order, and none after the scope closes",
    function* ({ events }) {
      const waiting = yield* Effect.fork(events.awaitSubscription)
      const signals = yield* Effect.scoped(
        Effect.gen(function* () {
          const signals = yield* receive
          yield* Fiber.join(waiting)
          expect(yield* events.subscriptions).toBe(1)
          yield* events.subscribed
          yield* events.send("raw", { x: 1 })
          yield* events.lose()
          yield* events.lose()
          yield* events.lose({ _tag: "SubscribeFailed", message: "no permission" })
          yield* events.send("gone")
          yield* events.alive
          yield* events.subscribed
          yield* events.aliveSentAt(7n)
          yield* events.lose({ _tag: "HeartbeatTimedOut", message: "" })
          return signals
        })
      )
      yield* events.subscribed
      yield* events.send("late")
      expect(yield* events.subscriptions).toBe(0)
      expect(signals).toEqual([
        "subscribed",
        "raw",
        '{"x":1}',
        "lost ConnectionLost",
        "lost SubscribeFailed",
        "subscribed",
        "alive 7",
        "lost HeartbeatTimedOut"
      ])
    }
  )

  overEdges({ events: { heartbeatInterval: undefined } })(
    "answers a heartbeat every 15 s while it is acknowledged",
    function* ({ events }) {
      const signals = yield* receive
      yield* TestClock.adjust("31 seconds")
      yield* events.lose()
      yield* TestClock.adjust("15 seconds")
      yield* events.subscribed
      yield* TestClock.adjust("15 seconds")
      expect(signals).toEqual([
        "subscribed",
        "alive 15000000000",
        "alive 30000000000",
        "lost ConnectionLost",
        "subscribed",
        "alive 60000000000"
      ])
    }
  )

  it("throws for a bad interval", () => {
    expect(() => TestTenantEvents.layer({ heartbeatInterval: 0 })).toThrow(
      'TestTenantEvents: option "heartbeatInterval"'
    )
  })

  const live = { events: { heartbeatInterval: undefined }, discovery: { reconcileInterval: 0 } }
  over(live)("keeps a Live view fresh by itself", function* ({ discovery, events }) {
    yield* TestClock.adjust("10 minutes")
    yield* discovery.requireFresh("16 seconds")
    yield* events.lose()
    yield* TestClock.adjust("20 seconds")
    yield* Effect.flip(discovery.requireFresh("16 seconds"))
  })

  overEdges({ events: { auto: false } })(
    "sends nothing by itself without auto",
    function* ({ events }) {
      const signals = yield* receive
      yield* events.send("too early")
      yield* events.lose()
      expect(signals).toEqual(["lost ConnectFailed"])
    }
  )
})

describe("TestTenantManager", () => {
  const list = Effect.flatMap(TenantManager, (manager) =>
    Effect.map(manager.listActiveTenants, ({ tenants }) => tenants.map(({ id }) => id))
  )

  overEdges(one)("lists, fails, answers as scripted, and recovers", function* ({ manager }) {
    expect(yield* list).toEqual(["a"])
    yield* manager.add("b", "c")
    yield* manager.remove("a")
    expect(yield* list).toEqual(["b", "c"])
    yield* manager.fail(outage(500), 2)
    yield* manager.answer(["scripted"])
    yield* Effect.flip(list)
    yield* Effect.flip(list)
    expect(yield* list).toEqual(["scripted"])
    expect(yield* list).toEqual(["b", "c"])
    const error = new TenantManagerUnauthorized({ operation: "", message: "" })
    yield* manager.fail(error)
    expect(yield* Effect.flip(list)).toBe(error)
    yield* manager.recover
    yield* manager.set(["z"])
    expect(yield* list).toEqual(["z"])
    expect((yield* manager.active).map(({ id }) => id)).toEqual(["z"])
    const listing = { ...TenantListing.of([]), skipped: 1, complete: false }
    yield* manager.answer(listing)
    expect(yield* (yield* TenantManager).listActiveTenants).toEqual(listing)
    expect(yield* manager.calls).toBe(9)
  })

  overEdges(one)(
    "delays, holds or never answers, and counts lists in flight",
    function* ({ manager }) {
      yield* manager.delay(Duration.seconds(3))
      const late = yield* Effect.fork(list)
      yield* manager.awaitCalls(1)
      yield* manager.add("b")
      yield* TestClock.adjust(Duration.seconds(3))
      expect(yield* Fiber.join(late)).toEqual(["a"])
      yield* manager.recover
      for (const [snapshot, answer] of [
        ["Asked", ["a", "b"]],
        ["Released", ["b"]]
      ] as const) {
        yield* manager.add("a")
        const held = yield* manager.hold({ snapshot })
        const waiting = yield* Effect.fork(list)
        yield* held.asked
        yield* manager.remove("a")
        yield* held.release
        expect([...(yield* Fiber.join(waiting))].sort()).toEqual(answer)
      }
      yield* manager.hang
      const never = yield* Effect.fork(list)
      yield* Effect.fork(list)
      yield* manager.awaitCalls(5)
      expect(yield* manager.underWay).toBe(2)
      yield* Fiber.interrupt(never)
      expect(yield* manager.underWay).toBe(1)
      expect(yield* manager.mostUnderWay).toBe(2)
      expect((yield* manager.callTimes).length).toBe(5)
    }
  )

  overEdges(one)(
    "answers connections as set, and none of a removed tenant until it is active or set again",
    function* ({ manager }) {
      const { getConnections } = yield* TenantManager
      const id = TenantId.make("a")
      const get = Effect.either(getConnections(id))
      expect((yield* Effect.flip(getConnections(id)))._tag).toBe("TenantManagerNotFound")
      const error = outage()
      yield* manager.setConnections("a", Effect.fail(error))
      expect(yield* Effect.flip(getConnections(id))).toBe(error)
      expect(yield* manager.connectionCalls).toEqual([id, id])
      yield* manager.setConnections("a", Effect.succeed({ id: "cfg" }))
      yield* manager.remove("a")
      expect(Either.isLeft(yield* get)).toBe(true)
      yield* manager.add("a")
      expect(Either.isRight(yield* get)).toBe(true)
      yield* manager.set(["b"])
      expect(Either.isLeft(yield* get)).toBe(true)
      yield* manager.setConnections("a", Effect.succeed({ id: "cfg" }))
      expect(Either.isRight(yield* get)).toBe(true)
    }
  )
})

describe("TestTenantDiscovery", () => {
  it("throws for an ID that is not valid", () => {
    expect(() => TestTenantDiscovery.layer(["not an id"])).toThrow(/not a tenant ID: expected/)
  })

  it.scoped("takes names, causes and ages", () =>
    Effect.gen(function* () {
      const tenants = yield* TestTenantDiscovery
      const discovery = yield* TenantDiscovery
      expect(() => tenants.add("not an id")).toThrow(/not a tenant ID: expected/)
      const causes: Array<unknown> = []
      yield* discovery.onTenantRemoved((_, cause) => Effect.sync(() => causes.push(cause)))
      expect((yield* discovery.activeTenants)[0]).toEqual({ id: "acme", name: "Acme" })
      yield* tenants.update("acme", "Acme Inc")
      expect((yield* discovery.activeTenants)[0]?.name).toBe("Acme Inc")
      yield* tenants.remove("acme", { _tag: "Listing" })
      yield* settle
      expect(causes).toEqual([{ _tag: "Listing" }])
      yield* TestClock.adjust(Duration.hours(1))
      yield* discovery.requireFresh(0)
      yield* tenants.setAge(Duration.seconds(30))
      yield* TestClock.adjust(Duration.seconds(1))
      const stale = yield* Effect.flip(discovery.requireFresh(Duration.seconds(30)))
      expect(Duration.toSeconds(stale.age)).toBe(31)
      yield* tenants.failNextRefresh()
      yield* Effect.flip(discovery.refresh)
      yield* Effect.flip(discovery.requireFresh(Duration.seconds(30)))
      yield* discovery.refresh
      yield* discovery.requireFresh(0)
      expect(yield* tenants.refreshes).toBe(2)
    }).pipe(Effect.provide(TestTenantDiscovery.layer([{ id: "acme", name: "Acme" }])))
  )
})

describe("TestEvent", () => {
  it("gives each event an ID of its own by default", () => {
    const one = TestEvent.associated("a", "ledger")
    const two = TestEvent.associated("a", "ledger")
    expect(one.event_id).not.toBe(two.event_id)
    expect(TestEvent.tenantDeleted("a", { event_id: "evt-x", environment: "staging" })).toEqual({
      event_type: "tenant.deleted",
      tenant_id: "a",
      event_id: "evt-x",
      environment: "staging"
    })
  })
})

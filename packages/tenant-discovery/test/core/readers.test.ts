import { describe, expect, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Stream, TestClock } from "effect"
import { type TenantChange, TenantDiscovery, TenantId, TenantView } from "../../src/index.js"
import { TestEvent, TestTenantEvents, TestTenantManager } from "../../src/testing.js"
import {
  apart,
  ids,
  logged,
  many,
  named,
  record,
  seen,
  SERVICE,
  settle,
  told,
  world
} from "./harness.js"

describe("law 9: only transitions are told", () => {
  it.scoped("a duplicate tells nothing, with the same event ID or another", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const changes = yield* record
      const event = TestEvent.associated("b", SERVICE)
      yield* events.send(event, event, TestEvent.associated("b", SERVICE))
      yield* events.send(TestEvent.suspended("never-here", SERVICE))
      yield* settle
      expect(changes).toEqual(["+b"])
    }).pipe(Effect.provide(world({ tenants: ["a"] })))
  )

  it.scoped("an old event that is delivered again undoes nothing", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const old = TestEvent.suspended("a", SERVICE)
      yield* events.send(old, TestEvent.reactivated("a", SERVICE), old)
      expect(yield* seen).toEqual(ids("a"))
    }).pipe(Effect.provide(world({ tenants: ["a"] })))
  )

  it.scoped("events without an ID are no duplicates of each other", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      for (const none of [{ event_id: undefined }, { event_id: null }, { event_id: "" }]) {
        yield* events.send(
          TestEvent.associated("b", SERVICE, none),
          TestEvent.suspended("b", SERVICE, none),
          TestEvent.associated("b", SERVICE, none)
        )
        expect(yield* seen).toEqual(ids("b"))
      }
    }).pipe(Effect.provide(world()))
  )

  it.scoped("every spelling of a UUID is one tenant", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const changes = yield* record
      const upper = "0193E8F0-C4B8-7C4A-9F3B-2F6F0C1D2E3F"
      const plain = "0193e8f0c4b87c4a9f3b2f6f0c1d2e3f"
      yield* events.send(
        TestEvent.associated(upper, SERVICE),
        TestEvent.associated(plain, SERVICE),
        TestEvent.suspended(upper.toLowerCase(), SERVICE)
      )
      yield* settle
      yield* events.send(TestEvent.associated(upper, SERVICE))
      yield* settle
      expect(changes).toEqual([`+${plain}`])
    }).pipe(Effect.provide(world()))
  )

  it.scoped("connections and updates of an active tenant are told, of another not", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const discovery = yield* TenantDiscovery
      const all: Array<TenantChange> = []
      yield* discovery.changes.pipe(
        Stream.runForEach((change) => Effect.sync(() => all.push(change))),
        Effect.forkScoped
      )
      yield* settle
      for (const tenant of ["a", "unknown"]) {
        for (const event of [
          TestEvent.credentialsRotated(tenant, SERVICE),
          TestEvent.connectionsUpdated(tenant, SERVICE),
          TestEvent.cacheInvalidated(tenant, SERVICE),
          TestEvent.tenantUpdated(tenant)
        ]) {
          yield* events.send(event)
          yield* settle
        }
      }
      expect(all.map((change) => [told(change), "reason" in change && change.reason])).toEqual([
        ["ConnectionsChanged a", "CredentialsRotated"],
        ["ConnectionsChanged a", "ConnectionsUpdated"],
        ["ConnectionsChanged a", "CacheInvalidated"],
        ["Updated a", false]
      ])
    }).pipe(Effect.provide(world({ tenants: ["a"] })))
  )

  it.scoped("a tenant that left and came back while the reader was busy is told as both", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const discovery = yield* TenantDiscovery
      const all: Array<string> = []
      const busy = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      yield* discovery.changes.pipe(
        Stream.runForEach((change) => {
          all.push(told(change))
          return all.length === 1
            ? Effect.zipRight(Deferred.succeed(busy, undefined), Deferred.await(go))
            : Effect.void
        }),
        Effect.forkScoped
      )
      yield* settle
      yield* events.send(TestEvent.associated("first", SERVICE))
      yield* Deferred.await(busy)
      for (let i = 0; i < 5; i++) {
        yield* events.send(TestEvent.suspended("a", SERVICE))
        yield* settle
        yield* events.send(TestEvent.reactivated("a", SERVICE))
        yield* settle
      }
      yield* events.send(TestEvent.associated("gone", SERVICE))
      yield* settle
      yield* events.send(TestEvent.purged("gone", SERVICE))
      yield* settle
      yield* Deferred.succeed(go, undefined)
      yield* settle
      // A buffered state besides the latest may be told apart: both alternate and come to the same.
      const ofA = all.filter((line) => /^[+-]a\b/.test(line))
      expect(ofA.length).toBeGreaterThanOrEqual(2)
      expect(ofA.length).toBeLessThanOrEqual(4)
      ofA.forEach((line, i) => {
        expect(line).toBe(i % 2 === 0 ? "-a tenant.service.suspended" : "+a")
      })
      expect(ofA.length % 2).toBe(0)
    }).pipe(Effect.provide(world({ tenants: ["a"] })))
  )
})

describe("law 10: a reader never slows the loop, and never grows without bound", () => {
  it.scoped(
    "a reader that hangs holds nobody back, and is then told no more than there are tenants",
    () =>
      Effect.gen(function* () {
        const events = yield* TestTenantEvents
        const discovery = yield* TenantDiscovery
        const tenants = many(20)
        const all: Array<TenantChange> = []
        const go = yield* Deferred.make<void>()
        const folded = { view: yield* discovery.view.get }
        yield* discovery.changes.pipe(
          Stream.runForEach((change) => {
            all.push(change)
            folded.view = TenantView.applyChanges(folded.view, [change])
            return Deferred.await(go)
          }),
          Effect.forkScoped
        )
        const quick = yield* record
        for (let round = 0; round < 100; round++) {
          const make = round % 2 === 0 ? TestEvent.associated : TestEvent.disassociated
          yield* events.send(...tenants.map((id) => make(id, SERVICE)))
          yield* Effect.yieldNow()
        }
        yield* events.send(TestEvent.associated("last", SERVICE))
        expect(yield* seen).toEqual(ids("last"))
        expect(quick.at(-1)).toBe("+last")
        expect(all.length).toBe(1)
        yield* Deferred.succeed(go, undefined)
        yield* settle
        // What was under way when it hung, one state in the buffer, and the latest.
        expect(all.length).toBeLessThanOrEqual(3 * 2 * (tenants.length + 1))
        expect([...folded.view.ids].sort()).toEqual(ids("last"))
      }).pipe(Effect.provide(world()))
  )

  it.scoped("a slow reader of the status or the view gets the latest", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const discovery = yield* TenantDiscovery
      const go = yield* Deferred.make<void>()
      const sizes: Array<number> = []
      const counts: Array<number> = []
      yield* discovery.view.changes.pipe(
        Stream.runForEach((view) =>
          Effect.zipRight(
            Effect.sync(() => sizes.push(view.size)),
            Deferred.await(go)
          )
        ),
        Effect.forkScoped
      )
      yield* discovery.status.changes.pipe(
        Stream.runForEach((status) =>
          Effect.zipRight(
            Effect.sync(() => counts.push(status.tenantCount)),
            Deferred.await(go)
          )
        ),
        Effect.forkScoped
      )
      yield* settle
      for (const id of many(50)) {
        yield* events.send(TestEvent.associated(id, SERVICE))
        yield* settle
      }
      yield* Deferred.succeed(go, undefined)
      yield* settle
      expect(sizes[0]).toBe(0)
      expect(sizes.at(-1)).toBe(50)
      expect(sizes.length).toBeLessThanOrEqual(4)
      expect(counts.at(-1)).toBe(50)
      expect(counts.length).toBeLessThanOrEqual(4)
    }).pipe(Effect.provide(world()))
  )
})

describe("handlers", () => {
  it.scoped("one that fails or dies is logged with its tenant, and the next one runs", () => {
    const log = logged()
    return Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const discovery = yield* TenantDiscovery
      const called: Array<string> = []
      yield* discovery.onTenantAdded((tenant) => {
        called.push(tenant.id)
        if (tenant.id === "fails") return Effect.fail("no")
        if (tenant.id === "dies") return Effect.die(new Error("oh"))
        if (tenant.id === "interrupts") return Effect.interrupt
        return Effect.void
      })
      const names = ["fails", "dies", "interrupts", "fine"]
      yield* events.send(...names.map((id) => TestEvent.associated(id, SERVICE)))
      yield* settle
      expect(called).toEqual(names)
      expect(log.at("ERROR").map((line) => line.fields["tenant_id"])).toEqual(names.slice(0, 3))
    }).pipe(Effect.provide(world()), Effect.provide(log.layer))
  })

  it.scoped("one at a time, in order; a slow one holds back neither the view nor another", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const discovery = yield* TenantDiscovery
      const slow: Array<string> = []
      const quick: Array<string> = []
      yield* discovery.onTenantAdded((tenant) =>
        Effect.sync(() => slow.push(`begin ${tenant.id}`)).pipe(
          Effect.delay(Duration.seconds(1)),
          Effect.zipRight(Effect.sync(() => slow.push(`end ${tenant.id}`)))
        )
      )
      yield* discovery.onTenantAdded((tenant) => Effect.sync(() => quick.push(tenant.id)))
      yield* events.send(...["x", "y"].map((id) => TestEvent.associated(id, SERVICE)))
      expect(yield* seen).toEqual(ids("x", "y"))
      expect(quick).toEqual(["x", "y"])
      yield* TestClock.adjust(Duration.seconds(2))
      expect(slow).toEqual(["begin x", "end x", "begin y", "end y"])
    }).pipe(Effect.provide(world()))
  )

  it.scoped("replay begins with those that are active, and nothing is missed or told twice", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      const discovery = yield* TenantDiscovery
      const replayed: Array<string> = []
      const later: Array<string> = []
      yield* discovery.onTenantAdded(
        ({ id, name }) => Effect.sync(() => replayed.push(`${id} ${name}`)),
        {
          replay: true
        }
      )
      yield* discovery.onTenantAdded(({ id }) => Effect.sync(() => later.push(id)))
      yield* events.send(TestEvent.associated("c", SERVICE), TestEvent.associated("a", SERVICE))
      yield* settle
      expect(replayed).toEqual(["a Acme", "b undefined", "c undefined"])
      expect(later).toEqual(["c"])
      yield* apart
      expect(yield* manager.calls).toBe(1)
    }).pipe(Effect.provide(world({ tenants: [named("a", "Acme"), "b"] })))
  )

  it.scoped("removals tell why", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      const discovery = yield* TenantDiscovery
      const causes: Array<unknown> = []
      yield* discovery.onTenantRemoved((tenant, cause) =>
        Effect.sync(() => causes.push([tenant.id, cause]))
      )
      yield* events.send(TestEvent.suspended("a", SERVICE, { event_id: "evt-a" }))
      yield* settle
      yield* events.send({ event_type: "tenant.deleted", tenant_id: "b", payload: null })
      yield* settle
      yield* manager.set(["d"])
      yield* discovery.refresh
      yield* settle
      expect(causes).toEqual([
        ["a", { _tag: "Event", eventType: "tenant.service.suspended", eventId: "evt-a" }],
        ["b", { _tag: "Event", eventType: "tenant.deleted", eventId: undefined }],
        ["c", { _tag: "Listing" }]
      ])
    }).pipe(Effect.provide(world({ tenants: ["a", "b", "c", "d"] })))
  )

  it.scoped("a handler stops with its own scope", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const discovery = yield* TenantDiscovery
      const called: Array<string> = []
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* discovery.onTenantAdded(({ id }) => Effect.sync(() => called.push(id)))
          yield* events.send(TestEvent.associated("a", SERVICE))
          yield* settle
        })
      )
      yield* events.send(TestEvent.associated("b", SERVICE))
      yield* settle
      expect(called).toEqual(["a"])
    }).pipe(Effect.provide(world()))
  )
})

describe("what is handed out", () => {
  it.scoped("is frozen, and the same array until something changes", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const discovery = yield* TenantDiscovery
      const first = yield* discovery.activeTenantIds
      const copy = [...first]
      expect(Object.isFrozen(first)).toBe(true)
      expect(Object.isFrozen(yield* discovery.activeTenants)).toBe(true)
      expect(() => Array.prototype.push.call(first, "x")).toThrow(TypeError)
      yield* discovery.refresh
      expect(yield* discovery.activeTenantIds).toBe(first)
      yield* events.send(TestEvent.associated("c", SERVICE))
      yield* settle
      expect(yield* discovery.activeTenantIds).not.toBe(first)
      expect(first).toEqual(copy)
      expect(yield* discovery.isActive(TenantId.make("c"))).toBe(true)
      expect(yield* discovery.isActive(TenantId.make("d"))).toBe(false)
    }).pipe(Effect.provide(world({ tenants: ["a", "b"] })))
  )

  it.scoped("a reader of changes that begins late is told only of what comes", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const discovery = yield* TenantDiscovery
      yield* events.send(TestEvent.associated("early", SERVICE))
      yield* settle
      const reading = yield* discovery.changes.pipe(Stream.take(1), Stream.runCollect, Effect.fork)
      yield* settle
      yield* events.send(TestEvent.associated("late", SERVICE))
      expect(Array.from(yield* Fiber.join(reading), told)).toEqual(["+late"])
    }).pipe(Effect.provide(world()))
  )
})

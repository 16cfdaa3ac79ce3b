import { describe, expect } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { applyChanges } from "../../src/internal/view/edit.js"
import { type TenantChange, TenantId } from "../../src/index.js"
import { TestEvent } from "../../src/testing.js"
import {
  SERVICE,
  discovery,
  settle,
  refresh,
  ids,
  many,
  active,
  summary,
  collect,
  recordChanges,
  none,
  over,
  scenario
} from "./harness.js"

describe("law 9: readers receive transitions only", () => {
  scenario(
    "publishes a duplicate event once, with the same event ID or another",
    function* ({ events }) {
      const changes = yield* recordChanges
      const event = TestEvent.associated("b", SERVICE)
      yield* events.send(event, event, TestEvent.associated("b", SERVICE))
      yield* events.send(TestEvent.suspended("never-active", SERVICE))
      yield* settle
      expect(changes).toEqual(["+b"])
    }
  )

  scenario("ignores an old event that is delivered again", function* ({ events }) {
    const old = TestEvent.suspended("a", SERVICE)
    yield* events.send(old, TestEvent.reactivated("a", SERVICE), old)
    expect(yield* active).toEqual(ids("a"))
  })

  over(none)("does not take events without an ID for duplicates", function* ({ events }) {
    for (const event_id of [undefined, null, "", 7, "x".repeat(300)]) {
      for (const event of [
        TestEvent.associated("b", SERVICE),
        TestEvent.suspended("b", SERVICE),
        TestEvent.associated("b", SERVICE)
      ]) {
        yield* events.send({ ...event, event_id })
      }
      expect(yield* active).toEqual(ids("b"))
    }
  })

  scenario(
    "publishes connection changes and updates of active tenants only",
    function* ({ events }) {
      const changes = yield* recordChanges
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
      expect(changes).toEqual([
        "a CredentialsRotated",
        "a ConnectionsUpdated",
        "a CacheInvalidated",
        "a Updated"
      ])
    }
  )

  scenario(
    "gives a slow reader Removed, then Added, for a tenant that left and came back",
    function* ({ events, discovery }) {
      const all: Array<string> = []
      const busy = yield* Deferred.make<void>()
      const resume = yield* Deferred.make<void>()
      yield* discovery.changes.pipe(
        Stream.runForEach((change) => {
          all.push(summary(change))
          return all.length === 1
            ? Effect.zipRight(Deferred.succeed(busy, undefined), Deferred.await(resume))
            : Effect.void
        }),
        Effect.forkScoped
      )
      yield* settle
      yield* events.send(TestEvent.associated("first", SERVICE))
      yield* Deferred.await(busy)
      for (let i = 0; i < 5; i++) {
        for (const event of [
          TestEvent.suspended("a", SERVICE),
          TestEvent.reactivated("a", SERVICE),
          TestEvent.associated("gone", SERVICE),
          TestEvent.purged("gone", SERVICE)
        ]) {
          yield* events.send(event)
          yield* settle
        }
      }
      yield* Deferred.succeed(resume, undefined)
      yield* settle
      // One buffered state and the latest: at most two differences.
      const ofA = all.filter((line) => /^[+-]a\b/.test(line))
      expect([2, 4]).toContain(ofA.length)
      ofA.forEach((line, i) => {
        expect(line).toBe(i % 2 === 0 ? "-a tenant.service.suspended" : "+a")
      })
    }
  )
})

describe("law 10: a reader neither slows the loop nor grows without bound", () => {
  over(none)(
    "conflates what a blocked reader missed, and other readers go on",
    function* ({ events, discovery }) {
      const tenants = many(20)
      const all: Array<TenantChange> = []
      const resume = yield* Deferred.make<void>()
      let folded = yield* discovery.view.get
      yield* discovery.changes.pipe(
        Stream.runForEach((change) => {
          all.push(change)
          folded = applyChanges(folded, [change])
          return Deferred.await(resume)
        }),
        Effect.forkScoped
      )
      const quick = yield* recordChanges
      for (let round = 0; round < 100; round++) {
        const make = round % 2 === 0 ? TestEvent.associated : TestEvent.disassociated
        yield* events.send(...tenants.map((id) => make(id, SERVICE)))
        yield* settle
      }
      yield* events.send(TestEvent.associated("last", SERVICE))
      expect(yield* active).toEqual(ids("last"))
      expect(quick.at(-1)).toBe("+last")
      expect(all.length).toBe(1)
      yield* Deferred.succeed(resume, undefined)
      yield* settle
      // The difference that the reader was blocked in, one buffered state, and the latest.
      expect(all.length).toBeLessThanOrEqual(3 * 2 * (tenants.length + 1))
      expect(folded.ids).toEqual(ids("last"))
    }
  )

  over(none)(
    "gives a slow reader of the view or the status the latest",
    function* ({ events, discovery }) {
      const resume = yield* Deferred.make<void>()
      const wait = <A>(stream: Stream.Stream<A>) => Stream.tap(stream, () => Deferred.await(resume))
      const sizes = yield* collect(wait(discovery.view.changes), (view) => view.size)
      const counts = yield* collect(wait(discovery.status.changes), (now) => now.tenantCount)
      for (const id of many(50)) {
        yield* events.send(TestEvent.associated(id, SERVICE))
        yield* settle
      }
      yield* Deferred.succeed(resume, undefined)
      yield* settle
      for (const seen of [sizes, counts]) {
        expect(seen[0]).toBe(0)
        expect(seen.at(-1)).toBe(50)
        expect(seen.length).toBeLessThanOrEqual(4)
      }
    }
  )
})

describe("the values of the service", () => {
  scenario(
    "are frozen, and the same array until something changes",
    function* ({ events, discovery }) {
      const first = yield* discovery.activeTenantIds
      const copy = [...first]
      expect(Object.isFrozen(first)).toBe(true)
      expect(Object.isFrozen(yield* discovery.activeTenants)).toBe(true)
      expect(() => Array.prototype.push.call(first, "x")).toThrow(TypeError)
      yield* refresh
      expect(yield* discovery.activeTenantIds).toBe(first)
      yield* events.send(TestEvent.associated("c", SERVICE))
      yield* settle
      expect(yield* discovery.activeTenantIds).not.toBe(first)
      expect(first).toEqual(copy)
      expect(yield* discovery.isActive(TenantId.make("c"))).toBe(true)
      expect(yield* discovery.isActive(TenantId.make("d"))).toBe(false)
    }
  )

  over(none)(
    "emit to a reader of changes only what happens after it began",
    function* ({ events, discovery }) {
      yield* events.send(TestEvent.associated("early", SERVICE))
      yield* settle
      const reading = yield* discovery.changes.pipe(Stream.take(1), Stream.runCollect, Effect.fork)
      yield* settle
      yield* events.send(TestEvent.associated("late", SERVICE))
      expect(Array.from(yield* Fiber.join(reading), summary)).toEqual(["+late"])
    }
  )
})

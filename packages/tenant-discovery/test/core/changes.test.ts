import { describe, expect } from "@effect/vitest"
import { Deferred, Stream } from "effect"
import { TestEvent } from "../../src/testing.js"
import {
  SERVICE,
  settle,
  many,
  active,
  collect,
  none,
  over,
  scenario,
  associated,
  suspended
} from "./harness.js"

describe("law 9: readers receive transitions only", () => {
  scenario("publishes a duplicate once, also one that comes late", function* ({ events, changes }) {
    const event = associated("b")
    yield* events.send(event, event, associated("b"))
    yield* events.send(suspended("never-active"))
    const old = suspended("a")
    yield* events.send(old, TestEvent.reactivated("a", SERVICE), old)
    expect(changes).toEqual(["+b", "-a tenant.service.suspended", "+a"])
  })

  over(none)("does not take events without an ID for duplicates", function* ({ events }) {
    for (const event_id of [undefined, null, "", 7, "x".repeat(300)]) {
      for (const event of [associated("b"), suspended("b"), associated("b")]) {
        yield* events.send({ ...event, event_id })
      }
      expect(yield* active).toEqual(["b"])
    }
  })

  scenario("publishes other changes of active tenants only", function* ({ events, changes }) {
    for (const tenant of ["a", "unknown"]) {
      for (const event of [
        TestEvent.credentialsRotated(tenant, SERVICE),
        TestEvent.connectionsUpdated(tenant, SERVICE),
        TestEvent.cacheInvalidated(tenant, SERVICE),
        TestEvent.tenantUpdated(tenant)
      ]) {
        yield* events.send(event)
      }
    }
    expect(changes).toEqual([
      "a CredentialsRotated",
      "a ConnectionsUpdated",
      "a CacheInvalidated",
      "a Updated"
    ])
  })
})

describe("law 10: a reader neither slows the loop nor grows without bound", () => {
  over(none)("gives a slow reader the latest view and status", function* ({ events, discovery }) {
    const resume = yield* Deferred.make<void>()
    const wait = <A>(stream: Stream.Stream<A>) => Stream.tap(stream, () => Deferred.await(resume))
    const sizes = yield* collect(wait(discovery.view.changes), (view) => view.size)
    const counts = yield* collect(wait(discovery.status.changes), (now) => now.tenantCount)
    for (const id of many(50)) {
      yield* events.send(associated(id))
    }
    yield* Deferred.succeed(resume, undefined)
    yield* settle
    for (const seen of [sizes, counts]) {
      expect(seen[0]).toBe(0)
      expect(seen.at(-1)).toBe(50)
      expect(seen.length).toBeLessThanOrEqual(4)
    }
  })
})

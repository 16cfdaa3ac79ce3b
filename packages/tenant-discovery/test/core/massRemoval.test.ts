import { describe, expect } from "@effect/vitest"
import { Duration, Effect, Fiber, TestClock } from "effect"
import { TestEvent } from "../../src/testing.js"
import {
  SERVICE,
  type WorldOptions,
  settle,
  refresh,
  status,
  ids,
  many,
  active,
  recordChanges,
  refreshHeld,
  two,
  over
} from "./harness.js"

const ten = many(10)
const confirmAfter = TestClock.adjust(Duration.seconds(1))

const withTen: WorldOptions = { tenants: ten }
const abc: WorldOptions = { tenants: ["a", "b", "c"] }
const strict: WorldOptions = {
  tenants: ten,
  discovery: { massRemovalFraction: 0.1, massRemovalHandful: 1 }
}

describe("law 7: a second list confirms a mass removal", () => {
  for (const [name, tenants] of [
    ["ten tenants", ten],
    ["one tenant", ["only"]]
  ] as const) {
    const options: WorldOptions = { tenants }
    over(options)(
      `${name}: one empty list removes nothing, and the next follows after 1 s`,
      function* ({ manager, log }) {
        const changes = yield* recordChanges
        yield* manager.answer([])
        const refreshing = yield* Effect.fork(refresh)
        expect(yield* active).toEqual(ids(...tenants))
        const count = tenants.length
        expect((yield* status).awaitingRemoval).toBe(count)
        expect(log.at("WARN")).toEqual([
          {
            level: "WARN",
            message: `the list would remove ${count} of ${count} tenants; waiting for another list to confirm`,
            fields: { service: SERVICE, missing: count, tenants: count }
          }
        ])
        yield* confirmAfter
        yield* Fiber.join(refreshing)
        expect(yield* manager.calls).toBe(3)
        expect(yield* active).toEqual(ids(...tenants))
        expect((yield* status).awaitingRemoval).toBe(0)
        expect(changes).toEqual([])
        expect(log.at("WARN").length).toBe(1)
      }
    )

    over(options)(`${name}: two empty lists remove all`, function* ({ manager }) {
      const changes = yield* recordChanges
      yield* manager.set([])
      const refreshing = yield* Effect.fork(refresh)
      yield* confirmAfter
      yield* Fiber.join(refreshing)
      expect(yield* active).toEqual([])
      expect([...changes].sort()).toEqual(tenants.map((id) => `-${id} Listing`))
    })
  }

  over(withTen)(
    "applies more than half and more than five only after a second list",
    function* ({ manager }) {
      yield* manager.set(ten.slice(0, 4))
      yield* Effect.fork(refresh)
      expect(yield* active).toEqual(ids(...ten))
      yield* confirmAfter
      expect(yield* active).toEqual(ids(...ten.slice(0, 4)))
    }
  )

  over(withTen)("applies half, or five, at once", function* ({ manager }) {
    yield* manager.set(ten.slice(0, 5))
    yield* refresh
    expect(yield* active).toEqual(ids(...ten.slice(0, 5)))
    yield* manager.set(ten.slice(0, 1))
    yield* refresh
    expect(yield* active).toEqual(ids(...ten.slice(0, 1)))
  })

  over(strict)("follows massRemovalFraction and massRemovalHandful", function* ({ manager }) {
    yield* manager.set(ten.slice(0, 8))
    yield* Effect.fork(refresh)
    expect(yield* active).toEqual(ids(...ten))
    yield* confirmAfter
    expect(yield* active).toEqual(ids(...ten.slice(0, 8)))
  })

  over(withTen)("applies what an unconfirmed list adds", function* ({ manager }) {
    yield* manager.answer(["other"])
    yield* Effect.fork(refresh)
    expect(yield* active).toEqual(ids("other", ...ten))
  })

  over(withTen)(
    "removes nothing while empty and complete lists alternate",
    function* ({ manager }) {
      const changes = yield* recordChanges
      for (let i = 0; i < 3; i++) {
        yield* manager.answer([])
        const refreshing = yield* Effect.fork(refresh)
        yield* confirmAfter
        yield* Fiber.join(refreshing)
      }
      expect(yield* manager.calls).toBe(7)
      expect(yield* active).toEqual(ids(...ten))
      expect(changes).toEqual([])
    }
  )

  over(withTen)("removes only the tenants that both lists lack", function* ({ manager }) {
    yield* manager.answer(ten.slice(0, 3))
    yield* manager.answer([])
    const refreshing = yield* Effect.fork(refresh)
    yield* confirmAfter
    expect(yield* active).toEqual(ids(...ten.slice(0, 3)))
    yield* confirmAfter
    yield* Fiber.join(refreshing)
    expect(yield* active).toEqual(ids(...ten))
  })

  over(two)(
    "counts an empty list as a mass removal although an event added a tenant",
    function* ({ events, manager }) {
      const held = yield* manager.hold({ snapshot: "Released" })
      yield* Effect.fork(refresh)
      yield* held.asked
      yield* events.send(TestEvent.associated("new", SERVICE))
      yield* manager.set([])
      yield* settle
      yield* held.release
      expect(yield* active).toEqual(ids("a", "b", "new"))
    }
  )

  over(withTen)("applies events at once, however many", function* ({ events }) {
    yield* events.send(...ten.map((id) => TestEvent.suspended(id, SERVICE)))
    expect(yield* active).toEqual([])
  })

  over(withTen)("completes refresh after the second list", function* ({ manager }) {
    const { lastListedAt } = yield* status
    yield* manager.set([])
    const refreshing = yield* Effect.fork(refresh)
    yield* TestClock.adjust(Duration.millis(999))
    expect(yield* refreshing.poll).toMatchObject({ _tag: "None" })
    expect((yield* status).lastListedAt).toBe(lastListedAt)
    yield* TestClock.adjust(Duration.millis(1))
    yield* Fiber.join(refreshing)
    expect(yield* active).toEqual([])
  })

  over(withTen)(
    "does not let a heartbeat prove the view while a removal awaits confirmation",
    function* ({ events, manager, discovery }) {
      yield* confirmAfter
      yield* manager.set([])
      yield* Effect.fork(refresh)
      yield* settle
      yield* TestClock.adjust(Duration.millis(500))
      yield* events.alive
      yield* settle
      const stale = yield* Effect.flip(discovery.requireFresh(Duration.millis(400)))
      expect(stale._tag).toBe("StaleTenantView")
    }
  )

  over(abc)(
    "drops a tenant from awaitingRemoval when an event names it",
    function* ({ events, manager }) {
      yield* manager.set([])
      yield* Effect.fork(refresh)
      yield* settle
      expect((yield* status).awaitingRemoval).toBe(3)
      // The event about `a` is newer than the first list: only the second list counts.
      yield* events.send(TestEvent.reactivated("a", SERVICE), TestEvent.suspended("b", SERVICE))
      expect(yield* active).toEqual(ids("a", "c"))
      expect((yield* status).awaitingRemoval).toBe(1)
      yield* confirmAfter
      expect(yield* active).toEqual(ids("a"))
      yield* confirmAfter
      expect(yield* active).toEqual([])
    }
  )
})

describe("removalConfirmations", () => {
  const three: WorldOptions = { tenants: ten, discovery: { removalConfirmations: 3 } }

  over(three)(
    "removes a tenant after it is missing in that many lists in a row",
    function* ({ manager, log }) {
      const changes = yield* recordChanges
      yield* manager.remove("t-3")
      const refreshing = yield* Effect.fork(refresh)
      yield* confirmAfter
      expect(yield* active).toEqual(ids(...ten))
      expect((yield* status).awaitingRemoval).toBe(1)
      yield* confirmAfter
      yield* Fiber.join(refreshing)
      expect(changes).toEqual(["-t-3 Listing"])
      expect(yield* manager.calls).toBe(4)
      expect(log.at("WARN").length).toBe(1)
    }
  )

  over(three)("does not remove a tenant that a list has again", function* ({ manager }) {
    const changes = yield* recordChanges
    const lagging = ten.filter((id) => id !== "t-3")
    for (const answer of [lagging, lagging, ten, lagging, lagging, ten]) {
      yield* manager.answer(answer)
    }
    yield* Effect.fork(refresh)
    yield* TestClock.adjust(Duration.minutes(5))
    expect(yield* manager.calls).toBeGreaterThan(6)
    expect(changes).toEqual([])
  })

  over(three)(
    "does not count a list during which an event named the tenant",
    function* ({ events, manager }) {
      yield* manager.remove("t-3")
      yield* Effect.fork(refresh)
      yield* confirmAfter
      const held = yield* manager.hold()
      yield* confirmAfter
      yield* held.asked
      yield* events.send(TestEvent.reactivated("t-3", SERVICE))
      yield* settle
      yield* held.release
      expect(yield* active).toEqual(ids(...ten))
    }
  )

  over(three)("applies the removal of an event at once", function* ({ events }) {
    const held = yield* refreshHeld
    yield* events.send(TestEvent.suspended("t-3", SERVICE))
    expect(yield* active).toEqual(ids(...ten.filter((id) => id !== "t-3")))
    yield* held.finish
  })
})

import { describe, expect } from "@effect/vitest"
import { Duration, Effect, Fiber, TestClock } from "effect"
import { type WorldOptions, refresh, status, ids, many, active, over, warning } from "./harness.js"

const ten = many(10)
const confirmAfter = TestClock.adjust(Duration.seconds(1))

const withTen: WorldOptions = { tenants: ten }
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
    over(options)(`${name}: one empty list removes nothing`, function* ({ manager, log, changes }) {
      yield* manager.answer([])
      const refreshing = yield* Effect.fork(refresh)
      expect(yield* active).toEqual(ids(...tenants))
      const count = tenants.length
      expect((yield* status).awaitingRemoval).toBe(count)
      expect(log.at("WARN")).toEqual([
        warning(
          `the list would remove ${count} of ${count} tenants; waiting for another list to confirm`,
          { missing: count, tenants: count }
        )
      ])
      yield* confirmAfter
      yield* Fiber.join(refreshing)
      expect(yield* manager.calls).toBe(3)
      expect(yield* active).toEqual(ids(...tenants))
      expect((yield* status).awaitingRemoval).toBe(0)
      expect(changes).toEqual([])
      expect(log.at("WARN").length).toBe(1)
    })

    over(options)(`${name}: two empty lists remove all`, function* ({ manager, changes }) {
      yield* manager.set([])
      const refreshing = yield* Effect.fork(refresh)
      yield* confirmAfter
      yield* Fiber.join(refreshing)
      expect(yield* active).toEqual([])
      expect([...changes].sort()).toEqual(tenants.map((id) => `-${id} Listing`))
    })
  }

  over(withTen)("confirms more than half and more than five", function* ({ manager }) {
    yield* manager.set(ten.slice(0, 4))
    yield* Effect.fork(refresh)
    expect(yield* active).toEqual(ids(...ten))
    yield* confirmAfter
    expect(yield* active).toEqual(ids(...ten.slice(0, 4)))
  })

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
})

describe("removalConfirmations", () => {
  const three: WorldOptions = { tenants: ten, discovery: { removalConfirmations: 3 } }

  over(three)("removes a tenant that so many lists lack", function* ({ manager, log, changes }) {
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
  })
})

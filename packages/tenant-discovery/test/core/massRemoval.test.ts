import { describe, expect } from "@effect/vitest"
import { Duration, Effect, Fiber, TestClock } from "effect"
import { one, refresh, status, many, active, over, warning } from "./harness.js"

const ten = many(10)
const confirmAfter = TestClock.adjust(Duration.seconds(1))

const withTen = { tenants: ten }
const strict = { ...withTen, discovery: { massRemovalFraction: 0.1, massRemovalHandful: 1 } }

/** The missing tenants; the options; how many of the present tenants the list has. */
const masses = [
  ["all of ten", withTen, 0],
  ["the only one", one, 0],
  ["more than half and more than five", withTen, 4],
  ["more than massRemovalFraction and massRemovalHandful", strict, 8]
] as const

describe("law 7: a second list confirms a mass removal", () => {
  for (const [name, options, left] of masses) {
    const tenants = options === one ? ["a"] : ten
    const missing = tenants.length - left

    over(options)(`${name}: one list removes nothing`, function* ({ manager, log, changes }) {
      yield* manager.answer(tenants.slice(0, left))
      const refreshing = yield* Effect.fork(refresh)
      expect(yield* active).toEqual(tenants)
      expect((yield* status).awaitingRemoval).toBe(missing)
      const counts = `${missing} of ${tenants.length} tenants`
      expect(log.at("WARN")).toEqual([
        warning(`the list would remove ${counts}; waiting for another list to confirm`, {
          missing,
          tenants: tenants.length
        })
      ])
      yield* confirmAfter
      yield* Fiber.join(refreshing)
      expect(yield* manager.calls).toBe(3)
      expect(yield* active).toEqual(tenants)
      expect((yield* status).awaitingRemoval).toBe(0)
      expect(changes).toEqual([])
      expect(log.at("WARN").length).toBe(1)
    })

    over(options)(`${name}: two lists remove them`, function* ({ manager, changes }) {
      yield* manager.set(tenants.slice(0, left))
      const refreshing = yield* Effect.fork(refresh)
      yield* confirmAfter
      yield* Fiber.join(refreshing)
      expect(yield* active).toEqual(tenants.slice(0, left))
      expect([...changes].sort()).toEqual(tenants.slice(left).map((id) => `-${id} Listing`))
    })
  }

  over(withTen)("applies half, or five, at once", function* ({ manager }) {
    yield* manager.set(ten.slice(0, 5))
    yield* refresh
    expect(yield* active).toEqual(ten.slice(0, 5))
    yield* manager.set(ten.slice(0, 1))
    yield* refresh
    expect(yield* active).toEqual(ten.slice(0, 1))
  })

  over(withTen)("applies what an unconfirmed list adds", function* ({ manager }) {
    yield* manager.answer(["other"])
    yield* Effect.fork(refresh)
    expect(yield* active).toEqual(["other", ...ten])
  })
})

describe("removalConfirmations", () => {
  const three = { tenants: ten, discovery: { removalConfirmations: 3 } }

  over(three)("removes a tenant that so many lists lack", function* ({ manager, log, changes }) {
    yield* manager.remove("t-3")
    const refreshing = yield* Effect.fork(refresh)
    yield* confirmAfter
    expect(yield* active).toEqual(ten)
    expect((yield* status).awaitingRemoval).toBe(1)
    yield* confirmAfter
    yield* Fiber.join(refreshing)
    expect(changes).toEqual(["-t-3 Listing"])
    expect(yield* manager.calls).toBe(4)
    expect(log.at("WARN").length).toBe(1)
  })
})

import { beforeEach, describe, expect } from "@effect/vitest"
import { Duration, Effect, TestClock } from "effect"
import type { TenantListing } from "../../src/index.js"
import { refresh, status, many, active, over, warning, type WorldOptions } from "./harness.js"

const unreadable: Partial<TenantListing> = {
  complete: false,
  skipped: 4,
  firstSkipped: { index: 7, reason: "id: expected a string, got nothing" }
}

const filtered = (...statuses: ReadonlyArray<string>): Partial<TenantListing> => ({
  inactive: new Map(statuses.map((value) => [value, 10]))
})

/** Lists have the tenants of the double, and `remarks` besides. */
let remarks: Partial<TenantListing> = {}
const options: WorldOptions = {
  tenants: many(20),
  list: Effect.map((listing) => ({ ...listing, ...remarks }))
}
const incomplete = over(options)

beforeEach(() => {
  remarks = {}
})

describe("law 7: a list with unreadable elements", () => {
  incomplete("adds tenants, removes none, and fails refresh", function* ({ manager, changes }) {
    remarks = unreadable
    yield* manager.set([...many(16), "new"])
    const error = yield* Effect.flip(refresh)
    expect(error).toMatchObject({
      _tag: "TenantManagerMalformedBody",
      message: expect.stringContaining("4 unreadable elements: [7] id: expected a string")
    })
    expect(yield* active).toEqual(["new", ...many(20)].sort())
    expect(changes).toEqual(["+new"])
    expect(yield* status).toMatchObject({
      awaitingRemoval: 4,
      lastError: { _tag: "ListIncomplete", message: error.message }
    })
  })

  incomplete("logs one warning when it begins and one line when it ends", function* ({ log }) {
    remarks = unreadable
    for (let i = 0; i < 3; i++) yield* refresh
    expect(log.at("WARN")).toEqual([
      warning(
        "the list has 4 unreadable elements: [7] id: expected a string, got nothing; the list removes no tenant",
        { skipped: 4, first_index: 7 }
      )
    ])
    remarks = {}
    yield* refresh
    yield* refresh
    const ended = log.messages("INFO").filter((text) => text === "lists are complete again")
    expect(ended.length).toBe(1)
  })

  over({ ...options, list: Effect.map((listing) => ({ ...listing, ...unreadable })) })(
    "starts the layer with the tenants that it has",
    function* () {
      expect((yield* active).length).toBe(20)
      expect((yield* status).lastError?._tag).toBe("ListIncomplete")
    }
  )
})

describe("law 7: a list whose elements are all filtered by their status", () => {
  for (const statuses of [["ACTIVE"], ["suspended", "enabled"], [" suspended"]]) {
    const shown = statuses.join(", ")
    incomplete(`removes none for status ${shown}`, function* ({ log, manager, changes }) {
      remarks = { ...filtered(...statuses), complete: false }
      yield* manager.set([])
      yield* Effect.flip(refresh)
      yield* TestClock.adjust(Duration.minutes(5))
      expect(changes).toEqual([])
      expect((yield* status).lastError?._tag).toBe("ListIncomplete")
      expect(log.at("WARN")).toEqual([
        warning(expect.stringContaining(`(${shown}); the list removes no tenant`), {
          statuses: shown
        })
      ])
    })
  }

  incomplete("removes all when every status is known", function* ({ manager, log }) {
    remarks = filtered("suspended", "Deleted", "PROVISIONING")
    yield* manager.set([])
    yield* Effect.fork(refresh)
    expect((yield* active).length).toBe(20)
    yield* TestClock.adjust(Duration.seconds(1))
    expect(yield* active).toEqual([])
    expect((yield* status).lastError).toBeUndefined()
    expect(log.messages("WARN")).toEqual([
      "every element of the list is inactive by its status (suspended, Deleted, PROVISIONING)",
      "the list would remove 20 of 20 tenants; waiting for another list to confirm"
    ])
  })

  incomplete("removes as usual when some elements are active", function* ({ manager }) {
    remarks = filtered("unheard-of")
    yield* manager.set(many(19))
    yield* refresh
    expect((yield* active).length).toBe(19)
  })
})

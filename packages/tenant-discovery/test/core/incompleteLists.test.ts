import { describe, expect, it } from "@effect/vitest"
import { Context, Duration, Effect, Layer, TestClock } from "effect"
import { TenantDiscovery, type TenantListing, TenantManager } from "../../src/index.js"
import { TestTenantEvents, TestTenantManager } from "../../src/testing.js"
import {
  SERVICE,
  type WorldOptions,
  edges,
  discovery,
  settle,
  refresh,
  status,
  ids,
  many,
  active,
  mode,
  recordChanges,
  logged
} from "./harness.js"

type Remarks = Partial<Pick<TenantListing, "skipped" | "firstSkipped" | "inactive">>

/** A discovery whose lists have the tenants of the double, and `remarks` besides. */
const makeWorld = (options: WorldOptions = {}) => {
  let remarks: Remarks = {}
  const remarked = Layer.effect(
    TenantManager,
    Effect.map(TenantManager, (manager) => ({
      ...manager,
      listActiveTenants: Effect.map(manager.listActiveTenants, (listing) => ({
        ...listing,
        ...remarks
      }))
    }))
  )
  return {
    remark: (next: Remarks) => {
      remarks = next
    },
    layer: discovery(options).pipe(
      Layer.provide(remarked),
      Layer.provideMerge(edges({ tenants: many(20), ...options }))
    )
  }
}

const unreadable: Remarks = {
  skipped: 4,
  firstSkipped: { index: 7, reason: "id: expected a string, got nothing" }
}

const filtered = (...statuses: ReadonlyArray<string>): Remarks => ({
  inactive: new Map(statuses.map((value) => [value, 10]))
})

describe("law 7: a list with unreadable elements", () => {
  it.scoped("adds tenants, removes none, and fails refresh when it lacks present ones", () => {
    const { layer, remark } = makeWorld()
    return Effect.gen(function* () {
      const manager = yield* TestTenantManager
      const changes = yield* recordChanges
      remark(unreadable)
      yield* manager.set([...many(16), "new"])
      const error = yield* Effect.flip(refresh)
      expect(error).toMatchObject({
        _tag: "TenantManagerMalformedBody",
        message: expect.stringContaining("4 unreadable elements: [7] id: expected a string")
      })
      expect(yield* active).toEqual(ids(...["new", ...many(20)].sort()))
      expect(changes).toEqual(["+new"])
      expect(yield* status).toMatchObject({
        awaitingRemoval: 4,
        lastError: { _tag: "ListIncomplete", message: error.message }
      })
    }).pipe(Effect.provide(layer))
  })

  it.scoped("removes no tenant however often it is repeated, and a readable list does", () => {
    const { layer, remark } = makeWorld()
    return Effect.gen(function* () {
      const manager = yield* TestTenantManager
      const changes = yield* recordChanges
      remark(unreadable)
      yield* manager.set([])
      yield* TestClock.adjust(Duration.minutes(10))
      expect(yield* manager.calls).toBeGreaterThan(5)
      expect(changes).toEqual([])
      // These lists confirm nothing: the first readable list still needs a second one.
      remark({})
      yield* Effect.fork(refresh)
      yield* settle
      expect(changes).toEqual([])
      yield* TestClock.adjust(Duration.seconds(1))
      expect(changes.length).toBe(20)
    }).pipe(Effect.provide(layer))
  })

  it.scoped("logs one warning when it begins and one line when it ends", () => {
    const log = logged()
    const { layer, remark } = makeWorld()
    return Effect.gen(function* () {
      remark(unreadable)
      for (let i = 0; i < 3; i++) yield* refresh
      expect(log.at("WARN")).toEqual([
        {
          level: "WARN",
          message:
            "the list has 4 unreadable elements: [7] id: expected a string, got nothing; it removes no tenant",
          fields: { service: SERVICE, skipped: 4, first_index: 7 }
        }
      ])
      remark({})
      yield* refresh
      yield* refresh
      const ended = log.messages("INFO").filter((text) => text === "lists are complete again")
      expect(ended.length).toBe(1)
    }).pipe(Effect.provide(layer), Effect.provide(log.layer))
  })

  it.scoped("does not prove the view while it lacks present tenants", () => {
    const { layer, remark } = makeWorld()
    return Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      const service = yield* TenantDiscovery
      remark(unreadable)
      yield* manager.set(many(16))
      yield* TestClock.adjust(Duration.seconds(10))
      yield* Effect.flip(refresh)
      yield* events.alive
      yield* settle
      yield* Effect.flip(service.requireFresh(Duration.seconds(9)))
      yield* events.lose()
      yield* settle
      yield* events.subscribed
      expect(yield* mode).toBe("Resyncing")
      remark({})
      yield* manager.set(many(20))
      yield* refresh
      expect(yield* mode).toBe("Live")
      yield* service.requireFresh(0)
    }).pipe(Effect.provide(layer))
  })

  it.scoped("starts the layer with the tenants that it has", () => {
    const { layer, remark } = makeWorld()
    remark(unreadable)
    return Effect.gen(function* () {
      const context = yield* Layer.build(layer)
      const service = Context.get(context, TenantDiscovery)
      expect((yield* service.activeTenantIds).length).toBe(20)
      expect((yield* service.status.get).lastError?._tag).toBe("ListIncomplete")
    })
  })
})

describe("law 7: a list whose elements are all filtered by their status", () => {
  it.scoped.each([["ACTIVE"], ["suspended", "enabled"], [" suspended"]])(
    "removes no tenant when a status is unknown: %j",
    (statuses) => {
      const log = logged()
      const { layer, remark } = makeWorld()
      return Effect.gen(function* () {
        const manager = yield* TestTenantManager
        const changes = yield* recordChanges
        remark(filtered(...statuses))
        yield* manager.set([])
        yield* Effect.flip(refresh)
        yield* TestClock.adjust(Duration.minutes(5))
        expect(changes).toEqual([])
        expect((yield* status).lastError?._tag).toBe("ListIncomplete")
        expect(log.at("WARN")).toEqual([
          {
            level: "WARN",
            message: expect.stringContaining(`(${statuses.join(", ")}); at least one`),
            fields: { service: SERVICE, statuses: statuses.join(" ") }
          }
        ])
      }).pipe(Effect.provide(layer), Effect.provide(log.layer))
    }
  )

  it.scoped("removes all tenants, confirmed, when every status is known", () => {
    const log = logged()
    const { layer, remark } = makeWorld()
    return Effect.gen(function* () {
      const manager = yield* TestTenantManager
      remark(filtered("suspended", "Deleted", "PROVISIONING"))
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
    }).pipe(Effect.provide(layer), Effect.provide(log.layer))
  })

  it.scoped("removes as usual when some elements are active", () => {
    const { layer, remark } = makeWorld()
    return Effect.gen(function* () {
      const manager = yield* TestTenantManager
      remark(filtered("unheard-of"))
      yield* manager.set(many(19))
      yield* refresh
      expect((yield* active).length).toBe(19)
    }).pipe(Effect.provide(layer))
  })
})

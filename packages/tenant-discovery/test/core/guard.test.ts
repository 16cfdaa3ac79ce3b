import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Fiber, TestClock } from "effect"
import { TenantDiscovery } from "../../src/index.js"
import { TestEvent, TestTenantEvents, TestTenantManager } from "../../src/testing.js"
import { ids, logged, many, record, seen, SERVICE, settle, world } from "./harness.js"

const refresh = Effect.flatMap(TenantDiscovery, (discovery) => discovery.refresh)
const ten = many(10)
const second = Duration.seconds(1)

describe("law 7: a list that would empty the set is confirmed first", () => {
  for (const [name, tenants] of [
    ["ten tenants", ten],
    ["one tenant", ["only"]]
  ] as const) {
    it.scoped(`${name}: empty once changes nothing, and is asked again after a second`, () => {
      const log = logged()
      return Effect.gen(function* () {
        const manager = yield* TestTenantManager
        const changes = yield* record
        yield* manager.answer([])
        const refreshing = yield* Effect.fork(refresh)
        expect(yield* seen).toEqual(ids(...tenants))
        expect(log.at("WARN").length).toBe(1)
        expect(log.at("WARN")[0]?.fields).toEqual({
          service: SERVICE,
          missing: tenants.length,
          tenants: tenants.length
        })
        yield* TestClock.adjust(second)
        yield* Fiber.join(refreshing)
        expect(yield* manager.calls).toBe(3)
        expect(yield* seen).toEqual(ids(...tenants))
        expect(changes).toEqual([])
        expect(log.at("WARN").length).toBe(1)
      }).pipe(Effect.provide(world({ tenants })), Effect.provide(log.layer))
    })

    it.scoped(`${name}: empty twice is believed`, () =>
      Effect.gen(function* () {
        const manager = yield* TestTenantManager
        const changes = yield* record
        yield* manager.set([])
        const refreshing = yield* Effect.fork(refresh)
        yield* TestClock.adjust(second)
        yield* Fiber.join(refreshing)
        expect(yield* seen).toEqual([])
        expect([...changes].sort()).toEqual(tenants.map((id) => `-${id} Listing`))
      }).pipe(Effect.provide(world({ tenants })))
    )
  }

  it.scoped("more than half and more than five: confirmed, and then applied", () =>
    Effect.gen(function* () {
      const manager = yield* TestTenantManager
      yield* manager.set(ten.slice(0, 4))
      yield* Effect.fork(refresh)
      expect(yield* seen).toEqual(ids(...ten))
      yield* TestClock.adjust(second)
      expect(yield* seen).toEqual(ids(...ten.slice(0, 4)))
    }).pipe(Effect.provide(world({ tenants: ten })))
  )

  it.scoped("half, or five, are believed at once", () =>
    Effect.gen(function* () {
      const manager = yield* TestTenantManager
      yield* manager.set(ten.slice(0, 5))
      yield* refresh
      expect(yield* seen).toEqual(ids(...ten.slice(0, 5)))
      yield* manager.set(ten.slice(0, 1))
      yield* refresh
      expect(yield* seen).toEqual(ids(...ten.slice(0, 1)))
    }).pipe(Effect.provide(world({ tenants: ten })))
  )

  it.scoped("what a doubtful list adds is believed", () =>
    Effect.gen(function* () {
      const manager = yield* TestTenantManager
      yield* manager.answer(["other"])
      yield* Effect.fork(refresh)
      expect(yield* seen).toEqual([...ids(...ten, "other")].sort())
    }).pipe(Effect.provide(world({ tenants: ten })))
  )

  it.scoped("lists that are empty now and full then remove nobody", () =>
    Effect.gen(function* () {
      const manager = yield* TestTenantManager
      const changes = yield* record
      for (let i = 0; i < 3; i++) {
        yield* manager.answer([])
        const refreshing = yield* Effect.fork(refresh)
        yield* TestClock.adjust(second)
        yield* Fiber.join(refreshing)
      }
      expect(yield* manager.calls).toBe(7)
      expect(yield* seen).toEqual(ids(...ten))
      expect(changes).toEqual([])
    }).pipe(Effect.provide(world({ tenants: ten })))
  )

  it.scoped("a list that lacks many does not vouch for one that lacks them all", () =>
    Effect.gen(function* () {
      const manager = yield* TestTenantManager
      yield* manager.answer(ten.slice(0, 3))
      yield* manager.answer([])
      const refreshing = yield* Effect.fork(refresh)
      yield* TestClock.adjust(second)
      // Both lack seven; that the last three are gone as well, only one of them says.
      expect(yield* seen).toEqual(ids(...ten.slice(0, 3)))
      yield* TestClock.adjust(second)
      yield* Fiber.join(refreshing)
      expect(yield* seen).toEqual(ids(...ten))
    }).pipe(Effect.provide(world({ tenants: ten })))
  )

  it.scoped("an empty list is doubted though an event during it added somebody", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      const held = yield* manager.hold({ snapshot: "Released" })
      yield* Effect.fork(refresh)
      yield* held.asked
      yield* events.send(TestEvent.associated("new", SERVICE))
      yield* manager.set([])
      yield* settle
      yield* held.release
      expect(yield* seen).toEqual(ids("a", "b", "new"))
    }).pipe(Effect.provide(world({ tenants: ["a", "b"] })))
  )

  it.scoped("explicit events are believed at once, however many", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      yield* events.send(...ten.map((id) => TestEvent.suspended(id, SERVICE)))
      expect(yield* seen).toEqual([])
    }).pipe(Effect.provide(world({ tenants: ten })))
  )

  it.scoped("a refresh is done when the doubt is settled, not before", () =>
    Effect.gen(function* () {
      const manager = yield* TestTenantManager
      const discovery = yield* TenantDiscovery
      const { lastListedAt } = yield* discovery.status.get
      yield* manager.set([])
      const refreshing = yield* Effect.fork(refresh)
      yield* TestClock.adjust(Duration.millis(999))
      expect(yield* refreshing.poll).toMatchObject({ _tag: "None" })
      expect((yield* discovery.status.get).lastListedAt).toBe(lastListedAt)
      yield* TestClock.adjust(Duration.millis(1))
      yield* Fiber.join(refreshing)
      expect(yield* seen).toEqual([])
    }).pipe(Effect.provide(world({ tenants: ten })))
  )

  it.scoped("while in doubt no heartbeat makes the view fresh", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      const discovery = yield* TenantDiscovery
      yield* TestClock.adjust(second)
      yield* manager.set([])
      yield* Effect.fork(refresh)
      yield* settle
      yield* TestClock.adjust(Duration.millis(500))
      yield* events.alive
      yield* settle
      const stale = yield* Effect.flip(discovery.requireFresh(Duration.millis(400)))
      expect(stale._tag).toBe("StaleTenantView")
    }).pipe(Effect.provide(world({ tenants: ten })))
  )
})

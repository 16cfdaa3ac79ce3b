import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestEvent, TestTenantEvents, TestTenantManager } from "../../src/testing.js"
import {
  active,
  debounced,
  ids,
  mode,
  recordChanges,
  refresh,
  refreshHeld,
  SERVICE,
  settle,
  world
} from "./harness.js"

describe("law 6: events during a list", () => {
  it.scoped("apply at once, and the list reverts neither an add nor a removal", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const changes = yield* recordChanges
      const held = yield* refreshHeld
      yield* events.send(TestEvent.associated("new", SERVICE), TestEvent.suspended("old", SERVICE))
      expect(yield* active).toEqual(ids("kept", "new"))
      yield* held.finish
      expect(yield* active).toEqual(ids("kept", "new"))
      expect(changes).toEqual(["+new", "-old tenant.service.suspended"])
    }).pipe(Effect.provide(world({ tenants: ["kept", "old"] })))
  )

  it.scoped("decide about their tenant by the last one", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const held = yield* refreshHeld
      yield* events.send(
        TestEvent.suspended("a", SERVICE),
        TestEvent.reactivated("a", SERVICE),
        TestEvent.associated("b", SERVICE),
        TestEvent.purged("b", SERVICE)
      )
      yield* settle
      yield* held.finish
      expect(yield* active).toEqual(ids("a"))
    }).pipe(Effect.provide(world({ tenants: ["a"] })))
  )

  it.scoped("do not bind the next list", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const held = yield* refreshHeld
      yield* events.send(TestEvent.suspended("a", SERVICE))
      yield* settle
      yield* held.finish
      expect(yield* active).toEqual(ids("b"))
      yield* refresh
      expect(yield* active).toEqual(ids("a", "b"))
    }).pipe(Effect.provide(world({ tenants: ["a", "b"] })))
  )

  it.scoped("apply in the same way during the list that closes a gap", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      yield* debounced
      yield* events.lose()
      const held = yield* manager.hold()
      yield* events.subscribed
      yield* held.asked
      yield* events.send(TestEvent.tenantDeleted("a"), TestEvent.associated("c", SERVICE))
      yield* settle
      yield* held.release
      expect(yield* active).toEqual(ids("b", "c"))
      expect(yield* mode).toBe("Live")
    }).pipe(Effect.provide(world({ tenants: ["a", "b"] })))
  )
})

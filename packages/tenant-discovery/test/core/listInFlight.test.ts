import { describe, expect } from "@effect/vitest"
import { TestEvent } from "../../src/testing.js"
import {
  SERVICE,
  type WorldOptions,
  settle,
  debounced,
  refresh,
  ids,
  active,
  mode,
  recordChanges,
  refreshHeld,
  two,
  over,
  scenario
} from "./harness.js"

const keptAndOld: WorldOptions = { tenants: ["kept", "old"] }

describe("law 6: events during a list", () => {
  over(keptAndOld)(
    "apply at once, and the list reverts neither an add nor a removal",
    function* ({ events }) {
      const changes = yield* recordChanges
      const held = yield* refreshHeld
      yield* events.send(TestEvent.associated("new", SERVICE), TestEvent.suspended("old", SERVICE))
      expect(yield* active).toEqual(ids("kept", "new"))
      yield* held.finish
      expect(yield* active).toEqual(ids("kept", "new"))
      expect(changes).toEqual(["+new", "-old tenant.service.suspended"])
    }
  )

  scenario("decide about their tenant by the last one", function* ({ events }) {
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
  })

  over(two)("do not bind the next list", function* ({ events }) {
    const held = yield* refreshHeld
    yield* events.send(TestEvent.suspended("a", SERVICE))
    yield* settle
    yield* held.finish
    expect(yield* active).toEqual(ids("b"))
    yield* refresh
    expect(yield* active).toEqual(ids("a", "b"))
  })

  over(two)(
    "apply in the same way during the list that closes a gap",
    function* ({ events, manager }) {
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
    }
  )
})

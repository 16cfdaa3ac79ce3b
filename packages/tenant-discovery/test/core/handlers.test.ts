import { describe, expect } from "@effect/vitest"
import { Duration, Effect, TestClock } from "effect"
import { TestTenantEvents } from "../../src/testing.js"
import { settle, refresh, active, none, over, associated, suspended } from "./harness.js"

const associate = (...tenants: ReadonlyArray<string>) =>
  Effect.flatMap(TestTenantEvents, (events) => events.send(...tenants.map((id) => associated(id))))

const four = { tenants: ["a", "b", "c", "d"] }

describe("handlers", () => {
  over(none)("law 11: run again after any failure", function* ({ events, discovery, log }) {
    const called: Array<string> = []
    const handler = ({ id }: { readonly id: string }) => {
      called.push(id)
      if (id === "fails") return Effect.fail("a failure of the test")
      if (id === "dies") return Effect.die(new Error("a defect of the test"))
      if (id === "throws") throw new Error("a fault of the test")
      if (id === "interrupts") return Effect.interrupt
      return Effect.void
    }
    yield* discovery.onTenantAdded(handler)
    yield* discovery.onTenantRemoved(handler)
    const tenants = ["fails", "dies", "throws", "interrupts", "works"]
    yield* associate(...tenants)
    yield* settle
    yield* events.send(...tenants.map((id) => suspended(id)))
    expect(called).toEqual([...tenants, ...tenants])
    expect(log.at("ERROR").map((line) => line.fields["tenant_id"])).toEqual([
      ...tenants.slice(0, 4),
      ...tenants.slice(0, 4)
    ])
    expect(log.messages("ERROR")[0]).toBe(
      "onTenantAdded handler failed; continuing with the next change"
    )
  })

  over(none)("run one at a time; a slow one delays no other", function* ({ discovery }) {
    const slow: Array<string> = []
    const quick: Array<string> = []
    yield* discovery.onTenantAdded((tenant) =>
      Effect.sync(() => slow.push(`begin ${tenant.id}`)).pipe(
        Effect.delay(Duration.seconds(1)),
        Effect.zipRight(Effect.sync(() => slow.push(`end ${tenant.id}`)))
      )
    )
    yield* discovery.onTenantAdded((tenant) => Effect.sync(() => quick.push(tenant.id)))
    yield* associate("x", "y")
    expect(yield* active).toEqual(["x", "y"])
    expect(quick).toEqual(["x", "y"])
    yield* TestClock.adjust(Duration.seconds(2))
    expect(slow).toEqual(["begin x", "end x", "begin y", "end y"])
  })

  over(four)("of removals receive the cause", function* ({ events, manager, discovery }) {
    const causes: Array<unknown> = []
    yield* discovery.onTenantRemoved((tenant, cause) =>
      Effect.sync(() => causes.push([tenant.id, cause]))
    )
    yield* events.send(suspended("a", { event_id: "evt-a" }))
    yield* events.send({ event_type: "tenant.deleted", tenant_id: "b", payload: null })
    yield* manager.set(["d"])
    yield* refresh
    yield* settle
    expect(causes).toEqual([
      ["a", { _tag: "Event", eventType: "tenant.service.suspended", eventId: "evt-a" }],
      ["b", { _tag: "Event", eventType: "tenant.deleted", eventId: undefined }],
      ["c", { _tag: "Listing" }]
    ])
  })

  over(none)("stop with their own scope", function* ({ discovery }) {
    const called: Array<string> = []
    yield* Effect.scoped(
      Effect.gen(function* () {
        yield* discovery.onTenantAdded(({ id }) => Effect.sync(() => called.push(id)))
        yield* associate("a")
        yield* settle
      })
    )
    yield* associate("b")
    yield* settle
    expect(called).toEqual(["a"])
  })
})

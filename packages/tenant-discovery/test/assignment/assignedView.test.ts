/** The view that a worker follows under an assignment. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TenantAssignment, TenantDiscovery, TenantId } from "../../src/index.js"
import { makeAssignedView } from "../../src/internal/assignment/assignedView.js"
import { TestTenantAssignment, TestTenantDiscovery } from "../../src/testing.js"

const acme = TenantId.make("acme")
const globex = TenantId.make("globex")

const world = Layer.merge(
  TestTenantDiscovery.layer(["acme", "globex"]),
  TestTenantAssignment.layer(["acme"])
)

const assignedView = Effect.gen(function* () {
  const discovery = yield* TenantDiscovery
  return makeAssignedView(discovery.view, yield* TenantAssignment)
})

describe("the view of a replica's own tenants", () => {
  it.scoped("has the tenants that are active and assigned", () =>
    Effect.gen(function* () {
      const { view } = yield* assignedView
      const tenants = yield* TestTenantDiscovery
      const replica = yield* TestTenantAssignment
      expect((yield* view.get).ids).toEqual([acme])
      yield* replica.assign("globex")
      expect((yield* view.get).ids).toEqual([acme, globex])
      yield* tenants.remove("acme")
      yield* replica.revoke("globex")
      expect((yield* view.get).ids).toEqual([])
    }).pipe(Effect.provide(world))
  )

  it.scoped(
    "loses a tenant that is removed while nobody owns it, also when it is owned again",
    () =>
      Effect.gen(function* () {
        const { view } = yield* assignedView
        const tenants = yield* TestTenantDiscovery
        const replica = yield* TestTenantAssignment
        expect((yield* view.get).ids).toEqual([acme])
        yield* replica.freeze
        yield* tenants.remove("acme")
        expect((yield* view.get).ids).toEqual([])
        yield* replica.thaw
        expect((yield* view.get).ids).toEqual([])
      }).pipe(Effect.provide(world))
  )

  it.scoped("has a tenant that was dropped again when it is owned again", () =>
    Effect.gen(function* () {
      const { drop, view } = yield* assignedView
      const replica = yield* TestTenantAssignment
      expect((yield* view.get).ids).toEqual([acme])
      drop(acme)
      expect((yield* view.get).ids).toEqual([])
      yield* replica.assign("acme")
      expect((yield* view.get).ids).toEqual([acme])
    }).pipe(Effect.provide(world))
  )
})

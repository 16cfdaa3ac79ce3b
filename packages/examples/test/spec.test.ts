/** A user's test: the discovery replaced by a test double, in three lines. */
import { expect, it } from "@effect/vitest"
import { Effect, Layer, Ref, Schedule, TestClock } from "effect"
import { CurrentTenant, TenantWorker } from "tenant-discovery"
import { TestTenantDiscovery } from "tenant-discovery/testing"

it.scoped("bills the active tenants and no removed one", () =>
  Effect.gen(function* () {
    const billed = yield* Ref.make<ReadonlyArray<string>>([])
    const Billing = TenantWorker.scheduled({
      name: "billing",
      schedule: Schedule.spaced("1 hour"),
      run: Effect.flatMap(CurrentTenant, ({ id }) => Ref.update(billed, (ids) => [...ids, id]))
    })

    // The three lines: a layer in place of the real one, and its controls.
    const Tenants = TestTenantDiscovery.layer(["acme", "globex"])
    const context = yield* Layer.build(Layer.provideMerge(Billing, Tenants))
    const tenants = yield* Effect.provide(TestTenantDiscovery, context)

    yield* TestClock.adjust("1 hour")
    expect(yield* Ref.getAndSet(billed, [])).toEqual(["acme", "globex"])

    yield* tenants.remove("acme", "tenant.suspended")
    yield* tenants.add("initech")
    yield* TestClock.adjust("1 hour")
    expect(yield* Ref.get(billed)).toEqual(["globex", "initech"])
  })
)

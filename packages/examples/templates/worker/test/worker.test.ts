import { expect, it } from "@effect/vitest"
import { Effect, Layer, Ref, Schedule, TestClock } from "effect"
import { CurrentTenant, TenantWorker } from "tenant-discovery"
import { TestTenantDiscovery } from "tenant-discovery/testing"

it.scoped("a suspended tenant gets no more work", () =>
  Effect.gen(function* () {
    const seen = yield* Ref.make<ReadonlyArray<string>>([])
    const Worker = TenantWorker.scheduled({
      name: "test",
      schedule: Schedule.spaced("10 seconds"),
      run: Effect.flatMap(CurrentTenant, ({ id }) => Ref.update(seen, (ids) => [...ids, id]))
    })
    const context = yield* Layer.build(
      Layer.provideMerge(Worker, TestTenantDiscovery.layer(["acme", "globex"]))
    )
    yield* TestClock.adjust("10 seconds")
    expect((yield* Ref.get(seen)).toSorted()).toEqual(["acme", "globex"])

    const tenants = yield* Effect.provide(TestTenantDiscovery, context)
    yield* tenants.remove("acme", "tenant.suspended")
    yield* Ref.set(seen, [])
    yield* TestClock.adjust("30 seconds")
    expect(new Set(yield* Ref.get(seen))).toEqual(new Set(["globex"]))
  })
)

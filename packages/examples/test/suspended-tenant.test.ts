/**
 * How to test that your worker stops for a suspended tenant alone: the real worker over a test
 * double of the discovery.
 */
import { expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TenantDiscovery } from "tenant-discovery"
import {
  TestEvent,
  TestTenantDiscovery,
  TestTenantEvents,
  TestTenantManager
} from "tenant-discovery/testing"
import { makeRelay, sorted, until } from "./relay.js"

it.effect(
  "the worker stops for a suspended tenant and restarts when the tenant is active again",
  () =>
    Effect.gen(function* () {
      const { open, opened, worker } = yield* makeRelay
      const discovery = TestTenantDiscovery.layer(["acme", "globex"])
      yield* Effect.gen(function* () {
        const tenants = yield* TestTenantDiscovery
        yield* until(open, (ids) => sorted(ids) === "acme globex")

        yield* tenants.remove("acme", "tenant.service.suspended")
        // Its work is interrupted, and its resources are released.
        yield* until(open, (ids) => sorted(ids) === "globex")

        yield* tenants.add("acme")
        yield* until(open, (ids) => sorted(ids) === "acme globex")
        // The other tenant's work continued.
        expect(opened).toEqual(["acme", "globex", "acme"])
      }).pipe(Effect.provide(Layer.provideMerge(worker, discovery)))
    })
)

it.effect("the worker stops at the event while a list is in flight that still has the tenant", () =>
  Effect.gen(function* () {
    const { open, worker } = yield* makeRelay
    const edges = Layer.merge(
      TestTenantEvents.layer(),
      TestTenantManager.layer({ service: "ledger", tenants: ["acme", "globex"] })
    )
    yield* Effect.gen(function* () {
      const discovery = yield* TenantDiscovery
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      yield* until(open, (ids) => sorted(ids) === "acme globex")

      const held = yield* manager.hold()
      const listing = yield* Effect.fork(discovery.refresh)
      yield* held.asked
      yield* events.send(TestEvent.suspended("acme", "ledger"))
      yield* until(open, (ids) => sorted(ids) === "globex")
      // The list was requested before the event, so it does not decide about acme.
      yield* held.release
      yield* Fiber.join(listing)
      expect(yield* discovery.activeTenantIds).toEqual(["globex"])
      expect(sorted(yield* open.get)).toBe("globex")
    }).pipe(
      Effect.provide(Layer.provideMerge(worker, Layer.provideMerge(TenantDiscovery.layer(), edges)))
    )
  })
)

/**
 * How to prove that your worker stops for a suspended tenant, and for nobody else: the
 * real worker over a double of the whole discovery.
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

it.effect("the worker stops for a suspended tenant, and begins again when it is back", () =>
  Effect.gen(function* () {
    const { open, opened, worker } = yield* makeRelay
    const discovery = TestTenantDiscovery.layer(["acme", "globex"])
    yield* Effect.gen(function* () {
      const tenants = yield* TestTenantDiscovery
      yield* until(open, (ids) => sorted(ids) === "acme globex")

      yield* tenants.remove("acme", "tenant.service.suspended")
      // Its work is interrupted, and what it held is released.
      yield* until(open, (ids) => sorted(ids) === "globex")

      yield* tenants.add("acme")
      yield* until(open, (ids) => sorted(ids) === "acme globex")
      // The other one went on all along.
      expect(opened).toEqual(["acme", "globex", "acme"])
    }).pipe(Effect.provide(Layer.provideMerge(worker, discovery)))
  })
)

it.effect("so it does by the event itself, in the middle of a list that still has the tenant", () =>
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
      // The list was asked for before: it has no say in acme.
      yield* held.release
      yield* Fiber.join(listing)
      expect(yield* discovery.activeTenantIds).toEqual(["globex"])
      expect(sorted(yield* open.get)).toBe("globex")
    }).pipe(
      Effect.provide(Layer.provideMerge(worker, Layer.provideMerge(TenantDiscovery.layer(), edges)))
    )
  })
)

/**
 * How to test that your worker survives the loss of Redis: the real discovery and the real worker,
 * over test doubles of Redis and of the tenant manager. No server, no network, no waiting.
 */
import { expect, it } from "@effect/vitest"
import { Effect, Layer, TestClock } from "effect"
import { TenantDiscovery } from "tenant-discovery"
import { TestEvent, TestTenantEvents, TestTenantManager } from "tenant-discovery/testing"
import { makeRelay, sorted, until } from "./relay.js"

const edges = Layer.merge(
  TestTenantEvents.layer(),
  TestTenantManager.layer({ service: "ledger", tenants: ["acme", "globex"] })
)
const discoveryOverDoubles = Layer.provideMerge(TenantDiscovery.layer(), edges)

it.effect("the worker continues without Redis and catches up when it is back", () =>
  Effect.gen(function* () {
    const { open, opened, worker } = yield* makeRelay
    yield* Effect.gen(function* () {
      const discovery = yield* TenantDiscovery
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      yield* until(open, (ids) => sorted(ids) === "acme globex")

      // Redis is lost. One tenant is added, one removed, and no event arrives.
      yield* events.lose()
      yield* until(discovery.status, ({ mode }) => mode === "BootstrapOnly")
      yield* manager.add("initech")
      yield* manager.remove("globex")
      yield* events.send(TestEvent.associated("initech", "ledger"))
      yield* TestClock.adjust("10 seconds")
      expect(sorted(yield* open.get)).toBe("acme globex")
      // The view is old by now, and a worker can check that.
      expect((yield* Effect.flip(discovery.requireFresh("5 seconds")))._tag).toBe("StaleTenantView")

      // Redis is back: within 2 seconds (`resubscribeJitter`) a list closes the gap.
      yield* events.subscribed
      yield* TestClock.adjust("2 seconds")
      yield* until(open, (ids) => sorted(ids) === "acme initech")
      yield* until(discovery.status, ({ mode }) => mode === "Live")
      // No work was restarted.
      expect(opened).toEqual(["acme", "globex", "initech"])
    }).pipe(Effect.provide(Layer.provideMerge(worker, discoveryOverDoubles)))
    expect(sorted(yield* open.get)).toBe("")
  })
)

it.effect("the worker continues without Redis and the tenant manager", () =>
  Effect.gen(function* () {
    const { open, opened, worker } = yield* makeRelay
    yield* Effect.gen(function* () {
      const discovery = yield* TenantDiscovery
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      yield* until(open, (ids) => sorted(ids) === "acme globex")

      yield* events.lose()
      yield* manager.add("initech")
      yield* manager.fail()
      // Relists keep their minimum distance, however soon Redis is back.
      yield* TestClock.adjust("1 second")
      yield* events.subscribed
      yield* TestClock.adjust("2 seconds")
      yield* until(discovery.status, ({ lastError }) => lastError?._tag === "ListFailed")
      expect((yield* discovery.status.get).mode).toBe("Resyncing")
      expect(sorted(yield* open.get)).toBe("acme globex")

      // The discovery relists by itself, with backoff.
      yield* manager.recover
      yield* TestClock.adjust("1 minute")
      yield* until(open, (ids) => sorted(ids) === "acme globex initech")
      expect(opened).toEqual(["acme", "globex", "initech"])
    }).pipe(Effect.provide(Layer.provideMerge(worker, discoveryOverDoubles)))
  })
)

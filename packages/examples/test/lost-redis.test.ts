/**
 * How to prove that your worker survives a lost Redis: the real discovery and the real
 * worker, over the doubles of the discovery's two edges. No server, no network, no waiting.
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

it.effect("the worker goes on without Redis, and catches up when it is back", () =>
  Effect.gen(function* () {
    const { open, opened, worker } = yield* makeRelay
    yield* Effect.gen(function* () {
      const discovery = yield* TenantDiscovery
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      yield* until(open, (ids) => sorted(ids) === "acme globex")

      // Redis is gone. A tenant comes, another leaves, and nobody hears of it.
      yield* events.lose()
      yield* until(discovery.status, ({ mode }) => mode === "BootstrapOnly")
      yield* manager.add("initech")
      yield* manager.remove("globex")
      yield* events.send(TestEvent.associated("initech", "ledger"))
      yield* TestClock.adjust("10 seconds")
      expect(sorted(yield* open.get)).toBe("acme globex")
      // What is known is old by now, and a worker can ask how old.
      expect((yield* Effect.flip(discovery.requireFresh("5 seconds")))._tag).toBe("StaleTenantView")

      // Redis is back: a list closes the gap, and the worker follows.
      yield* events.subscribed
      yield* until(open, (ids) => sorted(ids) === "acme initech")
      yield* until(discovery.status, ({ mode }) => mode === "Live")
      // Nobody's work was begun again for it.
      expect(opened).toEqual(["acme", "globex", "initech"])
    }).pipe(Effect.provide(Layer.provideMerge(worker, discoveryOverDoubles)))
    expect(sorted(yield* open.get)).toBe("")
  })
)

it.effect("and without the tenant manager as well", () =>
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
      // However soon Redis is back, lists keep their distance.
      yield* TestClock.adjust("1 second")
      yield* events.subscribed
      yield* until(discovery.status, ({ lastError }) => lastError?._tag === "ListFailed")
      expect((yield* discovery.status.get).mode).toBe("Resyncing")
      expect(sorted(yield* open.get)).toBe("acme globex")

      // It asks again by itself, and backs off.
      yield* manager.recover
      yield* TestClock.adjust("1 minute")
      yield* until(open, (ids) => sorted(ids) === "acme globex initech")
      expect(opened).toEqual(["acme", "globex", "initech"])
    }).pipe(Effect.provide(Layer.provideMerge(worker, discoveryOverDoubles)))
  })
)

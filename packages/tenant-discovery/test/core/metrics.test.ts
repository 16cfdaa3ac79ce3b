import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { TenantDiscovery } from "../../src/index.js"
import { TestEvent, TestTenantEvents, TestTenantManager } from "../../src/testing.js"
import {
  SERVICE,
  type WorldOptions,
  world,
  settle,
  refresh,
  metricValue,
  growth
} from "./harness.js"

/** A discovery in a scope of its own. */
const open = (options: WorldOptions) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(world(options), scope)
    return { context, close: Scope.close(scope, Exit.void) }
  })

const tenants = (labels: Readonly<Record<string, string>>) =>
  metricValue("tenant_discovery_tenants", labels)

describe("metrics", () => {
  it.scoped("count lists by outcome, events by outcome, and drift", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      yield* manager.add("b", "c")
      const drift = growth("drift", {}, refresh)
      expect(yield* growth("lists", { outcome: "taken" }, drift)).toBe(1)
      yield* manager.remove("c")
      expect(yield* growth("drift", {}, refresh)).toBe(1)
      yield* manager.fail()
      const failing = growth("lists", { outcome: "failed" }, Effect.flip(refresh))
      expect(yield* failing).toBe(1)
      const event = TestEvent.associated("d", SERVICE)
      for (const [outcome, message] of [
        ["applied", event],
        ["duplicate", event],
        ["ignored", TestEvent.associated("d", "other")],
        ["ignored", TestEvent.tenantCreated("d")],
        ["malformed", "{"],
        ["unknown_type", { event_type: "tenant.renamed", tenant_id: "d" }]
      ] as const) {
        // A message that the prefilter drops is counted with the next input.
        const send = Effect.zipRight(events.send(message), events.alive)
        expect([outcome, yield* growth("events", { outcome }, send)]).toEqual([outcome, 1])
      }
      expect(yield* tenants({ service: SERVICE })).toBe(3)
    }).pipe(Effect.provide(world({ tenants: ["a"] })))
  )

  it.scoped("of two discoveries do not mix, and gauges are 0 after the close", () =>
    Effect.gen(function* () {
      const first = yield* open({ service: "orders", tenants: ["a", "b"] })
      const second = yield* open({ service: "billing", tenants: ["c"] })
      yield* Context.get(second.context, TestTenantEvents).send("{")
      yield* Context.get(second.context, TenantDiscovery).refresh
      yield* settle
      const counts = (service: string) =>
        Effect.all([
          tenants({ service }),
          metricValue("tenant_discovery_lists_total", { service, outcome: "taken" }),
          metricValue("tenant_discovery_events_total", { service, outcome: "malformed" })
        ])
      expect(yield* counts("orders")).toEqual([2, 1, 0])
      expect(yield* counts("billing")).toEqual([1, 2, 1])
      yield* first.close
      expect(yield* counts("orders")).toEqual([0, 1, 0])
      expect(yield* counts("billing")).toEqual([1, 2, 1])
      yield* second.close
      expect(yield* tenants({ service: "billing" })).toBe(0)
    })
  )

  it.scoped("keep the labels that are in force where the layer is built", () =>
    Effect.gen(function* () {
      const service = "tagged"
      const { context } = yield* Effect.tagMetrics(
        open({ service, tenants: ["a"] }),
        "region",
        "eu"
      )
      const send = (event: TestEvent.ContractEvent) =>
        Context.get(context, TestTenantEvents).send(event)
      // The labels of a caller do not reach the metrics of the discovery.
      yield* Effect.tagMetrics(send(TestEvent.associated("b", service)), "region", "us")
      yield* settle
      expect(yield* tenants({ service, region: "eu" })).toBe(2)
      expect(yield* tenants({ service, region: "us" })).toBe(0)
      const labels = { service, region: "eu", outcome: "applied" }
      expect(yield* metricValue("tenant_discovery_events_total", labels)).toBe(1)
    })
  )
})

import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Metric, Scope, TestClock } from "effect"
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
import { metricValues } from "../worker/support.js"

/** A discovery in a scope of its own. */
const open = (options: WorldOptions) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(world(options), scope)
    return { context, close: Scope.close(scope, Exit.void) }
  })

const tenants = (labels: Readonly<Record<string, string>>) =>
  metricValue("tenant_discovery_tenants", labels)

/** The state of a histogram that has all of these labels. */
const histogram = (name: string, labels: Readonly<Record<string, string>>) =>
  Effect.map(metricValues(name, labels), ([state]) => state)

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

  it.scoped("exist at 0 from the start, the standard's counter of messages too", () =>
    Effect.gen(function* () {
      const { context } = yield* open({ service: "fresh" })
      yield* Context.get(context, TenantDiscovery).status.get
      const names = (yield* Metric.snapshot).flatMap(({ metricKey, metricState }) =>
        metricKey.tags.some(({ key, value }) => key === "service" && value === "fresh") &&
        "count" in metricState
          ? [metricKey.name]
          : []
      )
      expect(new Set(names)).toEqual(
        new Set([
          "tenant_discovery_events_total",
          "tenant_discovery_lists_total",
          "tenant_discovery_list_duration_seconds",
          "tenant_discovery_drift_total",
          "tenant_messages_processed_total"
        ])
      )
      expect(names.filter((name) => name === "tenant_discovery_events_total")).toHaveLength(6)
      const all = yield* Metric.snapshot
      const processed = all.find(
        ({ metricKey }) => metricKey.name === "tenant_messages_processed_total"
      )
      expect(processed?.metricState).toMatchObject({ count: 0 })
    })
  )

  it.scoped("show the mode, the subscription, the age of the view and what waits for removal", () =>
    Effect.gen(function* () {
      const service = "gauges"
      const { close, context } = yield* open({
        service,
        tenants: ["a", "b", "c", "d", "e", "f", "g"]
      })
      const events = Context.get(context, TestTenantEvents)
      const manager = Context.get(context, TestTenantManager)
      const gauge = (name: string, labels = {}) =>
        metricValue(`tenant_discovery_${name}`, { service, ...labels })
      const shown = Effect.all({
        live: gauge("mode", { mode: "Live" }),
        resyncing: gauge("mode", { mode: "Resyncing" }),
        bootstrapOnly: gauge("mode", { mode: "BootstrapOnly" }),
        subscribed: gauge("subscribed"),
        asOf: gauge("view_as_of_timestamp_seconds"),
        awaiting: gauge("awaiting_removal")
      })
      const live = { live: 1, resyncing: 0, bootstrapOnly: 0, subscribed: 1, asOf: 0, awaiting: 0 }
      expect(yield* shown).toEqual(live)
      yield* TestClock.adjust("10 seconds")
      yield* events.alive
      yield* settle
      expect(yield* shown).toEqual({ ...live, asOf: 10 })
      yield* manager.remove("a", "b", "c", "d", "e", "f")
      yield* Effect.fork(Context.get(context, TenantDiscovery).refresh)
      yield* settle
      expect(yield* shown).toEqual({ ...live, asOf: 10, awaiting: 6 })
      yield* events.lose()
      yield* settle
      expect(yield* shown).toMatchObject({ live: 0, bootstrapOnly: 1, subscribed: 0 })
      yield* close
      const closed = {
        live: 0,
        resyncing: 0,
        bootstrapOnly: 0,
        subscribed: 0,
        asOf: 0,
        awaiting: 0
      }
      expect(yield* shown).toEqual(closed)
    })
  )

  it.scoped("measure the lag of events, 0 for a publisher whose clock is ahead", () =>
    Effect.gen(function* () {
      const service = "lag"
      const { context } = yield* open({ service })
      const send = (seconds: number | undefined, id: string) =>
        Context.get(context, TestTenantEvents).send({
          ...TestEvent.associated(id, service),
          timestamp: seconds === undefined ? "yesterday" : new Date(seconds * 1000).toISOString()
        })
      yield* TestClock.adjust("100 seconds")
      yield* send(97, "a")
      yield* send(200, "b")
      yield* send(undefined, "c")
      yield* settle
      expect(yield* histogram("tenant_discovery_event_lag_seconds", { service })).toMatchObject({
        count: 2,
        sum: 3,
        min: 0,
        max: 3
      })
    })
  )

  it.scoped("measure how long lists take, by outcome", () =>
    Effect.gen(function* () {
      const service = "durations"
      const { context } = yield* open({ service })
      const manager = Context.get(context, TestTenantManager)
      const { refresh } = Context.get(context, TenantDiscovery)
      const held = yield* manager.hold()
      const refreshing = yield* Effect.fork(refresh)
      yield* held.asked
      yield* TestClock.adjust("2 seconds")
      yield* held.release
      yield* Fiber.join(refreshing)
      yield* manager.fail()
      yield* Effect.flip(refresh)
      const name = "tenant_discovery_list_duration_seconds"
      expect(yield* histogram(name, { service, outcome: "taken" })).toMatchObject({
        count: 2,
        sum: 2
      })
      expect(yield* histogram(name, { service, outcome: "failed" })).toMatchObject({ count: 1 })
    })
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

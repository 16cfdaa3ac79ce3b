import { describe, expect } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Metric, Scope, TestClock } from "effect"
import { TenantDiscovery } from "../../src/index.js"
import { TestEvent, TestTenantEvents } from "../../src/testing.js"
import {
  none,
  one,
  refresh,
  settle,
  growth,
  metricValue,
  over,
  world,
  associated
} from "./harness.js"
import { metricValues } from "../worker/support.js"

/** A discovery in a scope of its own. */
const open = (service: string, ...tenants: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(world({ service, tenants }), scope)
    return {
      discovery: Context.get(context, TenantDiscovery),
      events: Context.get(context, TestTenantEvents),
      close: Scope.close(scope, Exit.void)
    }
  })

const tenants = (labels: Readonly<Record<string, string>>) =>
  metricValue("tenant_discovery_tenants", labels)

describe("metrics", () => {
  over(one)(
    "count lists by outcome, events by outcome, and drift",
    function* ({ events, manager }) {
      yield* manager.add("b", "c")
      const drift = growth("drift", {}, refresh)
      expect(yield* growth("lists", { outcome: "taken" }, drift)).toBe(1)
      yield* manager.remove("c")
      expect(yield* growth("drift", {}, refresh)).toBe(1)
      yield* manager.fail()
      const failing = growth("lists", { outcome: "failed" }, Effect.flip(refresh))
      expect(yield* failing).toBe(1)
      const event = associated("d")
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
      expect(yield* tenants({ service: "ledger" })).toBe(3)
    }
  )

  over({ service: "fresh" })(
    "exist at 0 from the start, the counter of messages too",
    function* () {
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
      const processed = yield* metricValues("tenant_messages_processed_total", { service: "fresh" })
      expect(processed).toMatchObject([{ count: 0 }])
    }
  )

  over({ service: "gauges", tenants: ["t-0", "b", "c", "d", "e", "f", "g"] })(
    "show the mode, the subscription, the age of the view and what waits for removal",
    function* ({ discovery, events, manager }) {
      const gauge = (name: string, labels = {}) =>
        metricValue(`tenant_discovery_${name}`, { service: "gauges", ...labels })
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
      expect(yield* shown).toEqual({ ...live, asOf: 10 })
      yield* manager.set(["t-0"])
      yield* Effect.fork(discovery.refresh)
      yield* settle
      expect(yield* shown).toEqual({ ...live, asOf: 10, awaiting: 6 })
      yield* events.lose()
      expect(yield* shown).toMatchObject({ live: 0, bootstrapOnly: 1, subscribed: 0 })
    }
  )

  over({ service: "lag" })(
    "measure the lag of events, 0 for a publisher whose clock is ahead",
    function* ({ events }) {
      yield* TestClock.adjust("100 seconds")
      for (const timestamp of ["1970-01-01T00:01:37Z", "1970-01-01T00:03:20Z", "yesterday"]) {
        yield* events.send(TestEvent.associated("a", "lag", { timestamp }))
      }
      const lag = yield* metricValues("tenant_discovery_event_lag_seconds", { service: "lag" })
      expect(lag).toMatchObject([{ count: 2, sum: 3, min: 0, max: 3 }])
    }
  )

  over({ service: "durations" })("measure lists by outcome", function* ({ discovery, manager }) {
    const durations = (outcome: string) =>
      metricValues("tenant_discovery_list_duration_seconds", { service: "durations", outcome })
    yield* manager.delay("2 seconds")
    yield* Effect.fork(discovery.refresh)
    yield* TestClock.adjust("2 seconds")
    yield* manager.fail()
    yield* Effect.flip(discovery.refresh)
    expect(yield* durations("taken")).toMatchObject([{ count: 2, sum: 2 }])
    expect(yield* durations("failed")).toMatchObject([{ count: 1 }])
  })

  over(none)("of two discoveries do not mix, and gauges are 0 after the close", function* () {
    const first = yield* open("orders", "a", "b")
    const second = yield* open("billing", "c")
    yield* second.events.send("{")
    yield* second.discovery.refresh
    yield* settle
    yield* TestClock.adjust("1 second")
    yield* second.events.alive
    yield* settle
    const sumOfGauges = Effect.map(Metric.snapshot, (pairs) =>
      pairs.reduce((sum, { metricKey, metricState }) => {
        const ours = metricKey.tags.some(({ value }) => value === "billing")
        return ours && "value" in metricState ? sum + Number(metricState.value) : sum
      }, 0)
    )
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
    // The mode Live, subscribed, one tenant, and a view as of second 1.
    expect(yield* sumOfGauges).toBe(4)
    yield* second.close
    expect(yield* sumOfGauges).toBe(0)
  })

  over(none)("keep the labels that are in force where the layer is built", function* () {
    const service = "tagged"
    const { events } = yield* Effect.tagMetrics(open(service, "a"), "region", "eu")
    // The labels of a caller do not reach the metrics of the discovery.
    const send = events.send(TestEvent.associated("b", service))
    yield* Effect.tagMetrics(send, "region", "us")
    yield* settle
    expect(yield* tenants({ service, region: "eu" })).toBe(2)
    expect(yield* tenants({ service, region: "us" })).toBe(0)
    const labels = { service, region: "eu", outcome: "applied" }
    expect(yield* metricValue("tenant_discovery_events_total", labels)).toBe(1)
  })
})

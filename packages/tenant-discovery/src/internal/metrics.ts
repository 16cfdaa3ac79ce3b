/** The metrics of the discovery. Each carries the labels of its discovery besides. */
import { Metric, MetricBoundaries } from "effect"
import type { DiscoveryMode } from "../TenantView.js"
import type { Outcome } from "./event/eventReader.js"
import { type MetricLabels, taggedCounter, taggedGauge, taggedHistogram } from "./metricLabels.js"

const received = (outcome: Outcome) =>
  taggedCounter(
    "tenant_discovery_events_total",
    "Messages received, by outcome",
    "outcome",
    outcome
  )

export const events = {
  applied: received("applied"),
  ignored: received("ignored"),
  other_environment: received("other_environment"),
  duplicate: received("duplicate"),
  unknown_type: received("unknown_type"),
  malformed: received("malformed")
}

const requested = (outcome: string) =>
  taggedCounter(
    "tenant_discovery_lists_total",
    "Lists requested from the tenant manager, by outcome",
    "outcome",
    outcome
  )

export const lists = { taken: requested("taken"), failed: requested("failed") }

export const drift = Metric.counter("tenant_discovery_drift_total", {
  description: "Changes that a list found and that no event reported",
  incremental: true
})

/** From 5 ms to 1 min. */
const SECONDS = [0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

const listSeconds = (outcome: string) =>
  taggedHistogram(
    "tenant_discovery_list_duration_seconds",
    "How long lists took, by outcome",
    SECONDS,
    "outcome",
    outcome
  )

export const listDurations = { taken: listSeconds("taken"), failed: listSeconds("failed") }

export const eventLag = Metric.histogram(
  "tenant_discovery_event_lag_seconds",
  MetricBoundaries.fromIterable(SECONDS),
  "From the publisher's timestamp of an event until it was applied; 0 where its clock is ahead"
)

/** The standard's name. Only a consumer of a tenant's messages counts it; without one it stays 0. */
export const messagesProcessed = Metric.counter("tenant_messages_processed_total", {
  description: "Messages of tenants that a consumer has acknowledged",
  incremental: true
})

const gauge = (name: string, description: string) => Metric.gauge(name, { description })

export const tenants = gauge("tenant_discovery_tenants", "Active tenants")
export const awaitingRemoval = gauge(
  "tenant_discovery_awaiting_removal",
  "Tenants that a list lacks and that stay until another list confirms their removal"
)
export const subscribed = gauge(
  "tenant_discovery_subscribed",
  "Whether the subscription to the events is acknowledged: 1 or 0"
)
/** A time and not an age: a gauge does not grow between two updates, and the one who reads it can subtract. */
export const asOf = gauge(
  "tenant_discovery_view_as_of_timestamp_seconds",
  "The view held everything that was true up to this time: seconds since the epoch"
)
const modeGauge = (mode: DiscoveryMode) =>
  taggedGauge(
    "tenant_discovery_mode",
    "Whether the discovery is in this mode: 1 or 0",
    "mode",
    mode
  )
export const modes = {
  Live: modeGauge("Live"),
  Resyncing: modeGauge("Resyncing"),
  BootstrapOnly: modeGauge("BootstrapOnly")
}

/** The counters of the discovery exist from the start, so that no rate misses the first step. */
export const existing = (labels: MetricLabels): void => {
  const counters = [...Object.values(events), ...Object.values(lists), drift, messagesProcessed]
  for (const counter of counters) counter.unsafeUpdate(0, labels)
}

/** The metrics of the discovery. Each carries the labels of its discovery besides. */
import { Metric } from "effect"
import type { Outcome } from "./event/eventReader.js"
import { taggedCounter } from "./metricLabels.js"

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

export const tenants = Metric.gauge("tenant_discovery_tenants", { description: "Active tenants" })

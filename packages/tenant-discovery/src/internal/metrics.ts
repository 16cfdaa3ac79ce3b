/** The metrics of the discovery. */
import { Metric } from "effect"
import type { Outcome } from "./event/eventReader.js"
import type { Labelled } from "./metricLabels.js"

const events = Metric.counter("tenant_discovery_events_total", {
  description: "Messages received, by outcome",
  incremental: true
})

const lists = Metric.counter("tenant_discovery_lists_total", {
  description: "Lists requested from the tenant manager, by outcome",
  incremental: true
})

const drift = Metric.counter("tenant_discovery_drift_total", {
  description: "Changes that a list found and that no event reported",
  incremental: true
})

const tenants = Metric.gauge("tenant_discovery_tenants", { description: "Active tenants" })

const outcomes: ReadonlyArray<Outcome> = [
  "applied",
  "ignored",
  "other_environment",
  "duplicate",
  "unknown_type",
  "malformed"
]

export interface DiscoveryMetrics {
  readonly countEvents: (count: number, outcome: Outcome) => void
  readonly countList: (outcome: "taken" | "failed") => void
  readonly countDrift: (count: number) => void
  readonly setTenants: (count: number) => void
}

/** The metrics with the labels of one discovery. */
export const discoveryMetrics = (labelled: Labelled): DiscoveryMetrics => {
  const byOutcome = new Map(
    outcomes.map((outcome) => [outcome, labelled(Metric.tagged(events, "outcome", outcome))])
  )
  const taken = labelled(Metric.tagged(lists, "outcome", "taken"))
  const failed = labelled(Metric.tagged(lists, "outcome", "failed"))
  const ownDrift = labelled(drift)
  const ownTenants = labelled(tenants)
  return {
    countEvents: (count, outcome) => byOutcome.get(outcome)?.unsafeUpdate(count, []),
    countList: (outcome) => (outcome === "taken" ? taken : failed).unsafeUpdate(1, []),
    countDrift: (count) => ownDrift.unsafeUpdate(count, []),
    setTenants: (count) => ownTenants.unsafeUpdate(count, [])
  }
}

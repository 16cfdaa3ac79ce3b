/** What is counted, and under which names. Updated where the thing happens. */
import { Metric } from "effect"
import type { Tally } from "./eventReader.js"

const events = Metric.counter("tenant_discovery_events_total", {
  description: "Messages received, by what became of them",
  incremental: true
})

const outcomes = {
  ignored: Metric.tagged(events, "outcome", "ignored"),
  otherEnvironment: Metric.tagged(events, "outcome", "other_environment"),
  duplicate: Metric.tagged(events, "outcome", "duplicate"),
  unknownType: Metric.tagged(events, "outcome", "unknown_type"),
  malformed: Metric.tagged(events, "outcome", "malformed"),
  applied: Metric.tagged(events, "outcome", "applied")
} as const

const keys = [
  "ignored",
  "otherEnvironment",
  "duplicate",
  "unknownType",
  "malformed",
  "applied"
] as const

/** Synchronous, a few counters a batch: an effect a message would cost more than the message. */
export const countEvents = (tally: Tally): void => {
  for (const key of keys) {
    if (tally[key] > 0) outcomes[key].unsafeUpdate(tally[key], [])
  }
}

/** Messages about another service, told before they were kept. */
export const countForeign = (messages: number): void => {
  outcomes.ignored.unsafeUpdate(messages, [])
}

const lists = Metric.counter("tenant_discovery_lists_total", {
  description: "Re-lists of the tenant manager, by outcome",
  incremental: true
})
export const listsTaken = Metric.tagged(lists, "outcome", "taken")
export const listsFailed = Metric.tagged(lists, "outcome", "failed")

/** Transitions that a list found and no event had told, while all seemed well. */
export const drift = Metric.counter("tenant_discovery_drift_total", {
  description: "Transitions that only a list found",
  incremental: true
})

export const tenants = Metric.gauge("tenant_discovery_tenants", {
  description: "Active tenants"
})

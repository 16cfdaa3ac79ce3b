/** Metrics of connection settings. The names are those of the multi-tenant standard. */
import { Metric } from "effect"
import type { MetricLabels } from "../metricLabels.js"

export const loads = Metric.counter("tenant_connections_total", {
  description: "Connection settings loaded from the tenant manager",
  incremental: true
})

/** Carries `error`, the tag of the error. */
export const failures = Metric.counter("tenant_connection_errors_total", {
  description: "Loads of connection settings that failed, by error",
  incremental: true
})

export const reloads = Metric.counter("tenant_connections_reloads_total", {
  description: "Connection settings loaded again since they were out of date, or found to differ",
  incremental: true
})

/** They exist from the start, so that no rate misses the first step. */
export const existing = (labels: MetricLabels): void => {
  const outages = Metric.tagged(failures, "error", "TenantManagerUnavailable")
  for (const counter of [loads, reloads, outages]) counter.unsafeUpdate(0, labels)
}

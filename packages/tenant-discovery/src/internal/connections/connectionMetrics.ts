/** Metrics of connection settings. The names are those of the multi-tenant standard. */
import { Metric, type MetricLabel } from "effect"

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

/** The counters without a label of their own exist from the start, so that no first step is lost. */
export const existing = (labels: ReadonlyArray<MetricLabel.MetricLabel>): void => {
  for (const counter of [loads, reloads]) counter.unsafeUpdate(0, labels)
}

/** Metrics of connection settings. The names are those of the multi-tenant standard. */
import { Metric } from "effect"

export const loads = Metric.counter("tenant_connections_total", {
  description: "Connection settings loaded from the tenant manager",
  incremental: true
})

/** Carries `error`, the tag of the error. */
export const failures = Metric.counter("tenant_connection_errors_total", {
  description: "Loads of connection settings that failed, by error",
  incremental: true
})

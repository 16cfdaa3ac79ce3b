/** What is counted about connection settings. Names of the multi-tenant standard. */
import { Metric } from "effect"

export const loads = Metric.counter("tenant_connections_total", {
  description: "Connection settings loaded from the tenant manager",
  incremental: true
})

const failures = Metric.counter("tenant_connection_errors_total", {
  description: "Loads of connection settings that failed, by error",
  incremental: true
})

export const failed = (error: string) => Metric.tagged(failures, "error", error)

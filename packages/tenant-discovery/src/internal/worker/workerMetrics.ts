/** The workers' metrics: their names, and one place that updates them. */
import { Effect, Metric, Record } from "effect"
import { TenantDiscovery } from "../../TenantDiscovery.js"
import { metricLabels, taggedCounter } from "../metricLabels.js"

const counter = (name: string, description: string) =>
  Metric.counter(name, { description, incremental: true })
const gauge = (name: string, description: string) => Metric.gauge(name, { description })
const skip = (reason: string) =>
  taggedCounter("tenant_worker_skips_total", "Turns that were skipped, by reason", "reason", reason)

const metrics = {
  runs: counter("tenant_worker_runs_total", "Runs that ended"),
  failed: counter("tenant_worker_failures_total", "Runs that failed or died"),
  interrupted: counter("tenant_worker_interrupted_total", "Runs that were interrupted"),
  longRuns: counter("tenant_worker_long_runs_total", "Runs that took too long"),
  staleTicks: counter("tenant_worker_stale_ticks_total", "Ticks skipped over a stale view"),
  overlap: skip("overlap"),
  backoff: skip("backoff"),
  removed: skip("removed"),
  active: gauge("tenant_worker_active", "Runs under way"),
  consumers: gauge("tenant_consumers_active", "Tenants whose long-lived work runs"),
  tenants: gauge("tenant_worker_tenants", "Active tenants that are this replica's"),
  waiting: gauge("tenant_worker_waiting", "Tenants that wait for a place")
}

/** The metrics with the labels `service` and `worker`. */
export const makeWorkerMetrics = (worker: string) =>
  Effect.gen(function* () {
    const { service } = yield* Effect.flatMap(TenantDiscovery, ({ status }) => status.get)
    const labels = yield* metricLabels({ service, worker })
    return Record.map(metrics, (metric) => (value: number) => metric.unsafeUpdate(value, labels))
  })

export type WorkerMetrics = Effect.Effect.Success<ReturnType<typeof makeWorkerMetrics>>

/** The workers' metrics: their names, and one place that updates them. */
import { Effect, Metric, MetricBoundaries, Record } from "effect"
import { TenantDiscovery } from "../../TenantDiscovery.js"
import { metricLabels, taggedCounter } from "../metricLabels.js"

const counter = (name: string, description: string) =>
  Metric.counter(name, { description, incremental: true })
const gauge = (name: string, description: string) => Metric.gauge(name, { description })
const skip = (reason: string) =>
  taggedCounter("tenant_worker_skips_total", "Turns that were skipped, by reason", "reason", reason)

/** From 10 ms to 1 hour: a run may be a query or the whole of a tenant's work. */
const RUN_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600]

const metrics = {
  runs: counter("tenant_worker_runs_total", "Runs that ended"),
  runSeconds: Metric.histogram(
    "tenant_worker_run_duration_seconds",
    MetricBoundaries.fromIterable(RUN_SECONDS),
    "How long runs took that ended"
  ),
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
    // They exist from the start, so that a rate does not miss the first step.
    for (const counter of [metrics.runs, metrics.failed, metrics.longRuns]) {
      counter.unsafeUpdate(0, labels)
    }
    return Record.map(metrics, (metric) => (value: number) => metric.unsafeUpdate(value, labels))
  })

export type WorkerMetrics = Effect.Effect.Success<ReturnType<typeof makeWorkerMetrics>>

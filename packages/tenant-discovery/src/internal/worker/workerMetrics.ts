/** The workers' metrics: their names, and one place that updates them. */
import { Effect, Metric, Record } from "effect"
import { TenantDiscovery } from "../../TenantDiscovery.js"
import { type Labelled, metricLabels } from "../metricLabels.js"

const bindable =
  <Type, Out>(metric: Metric.Metric<Type, number, Out>) =>
  (labelled: Labelled) => {
    const bound = labelled(metric)
    return (value: number) => bound.unsafeUpdate(value, [])
  }
const counterOf = (name: string, description: string) =>
  Metric.counter(name, { description, incremental: true })
const counter = (name: string, description: string) => bindable(counterOf(name, description))
const gauge = (name: string, description: string) => bindable(Metric.gauge(name, { description }))
const skips = counterOf("tenant_worker_skips_total", "Turns that were skipped, by reason")
const skip = (reason: string) => bindable(Metric.tagged(skips, "reason", reason))

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
  waiting: gauge("tenant_worker_waiting", "Tenants that wait for a place")
}

/** The metrics with the labels `service` and `worker`. */
export const makeWorkerMetrics = (worker: string) =>
  Effect.gen(function* () {
    const { service } = yield* Effect.flatMap(TenantDiscovery, ({ status }) => status.get)
    const labelled = yield* metricLabels({ service, worker })
    return Record.map(metrics, (bind) => bind(labelled))
  })

export type WorkerMetrics = Effect.Effect.Success<ReturnType<typeof makeWorkerMetrics>>

/** The workers' metrics: their names, and one place that updates them. */
import { Effect, Metric } from "effect"
import { TenantDiscovery } from "../../TenantDiscovery.js"
import { metricLabels } from "../metricLabels.js"

const counter = (name: string, description: string) =>
  Metric.counter(name, { description, incremental: true })
const gauge = (name: string, description: string) => Metric.gauge(name, { description })

const runs = counter("tenant_worker_runs_total", "Runs that ended")
const failures = counter("tenant_worker_failures_total", "Runs that failed or died")
const interrupted = counter(
  "tenant_worker_interrupted_total",
  "Runs that were interrupted: by a removal, a rotation or the shutdown"
)
const longRuns = counter("tenant_worker_long_runs_total", "Runs that took longer than expected")
const skips = counter("tenant_worker_skips_total", "Turns that were skipped, by reason")
const staleTicks = counter(
  "tenant_worker_stale_ticks_total",
  "Ticks that were skipped because the view was too old"
)
const active = gauge("tenant_worker_active", "Runs under way")
const consumers = gauge("tenant_consumers_active", "Tenants whose long-lived work runs")
const waiting = gauge("tenant_worker_waiting", "Tenants that wait for a place")

/** Binds the labels `service` and `worker`; sets the gauges to 0 when the scope closes. */
export const makeWorkerMetrics = (worker: string, kind: "scheduled" | "perTenant") =>
  Effect.gen(function* () {
    const { service } = yield* (yield* TenantDiscovery).status.get
    const labelled = yield* metricLabels({ service, worker })
    const bind = <Type, Out>(metric: Metric.Metric<Type, number, Out>) => {
      const bound = labelled(metric)
      return (value: number) => bound.unsafeUpdate(value, [])
    }
    const skipped = (reason: string) => bind(Metric.tagged(skips, "reason", reason))
    const gauges = {
      active: bind(kind === "scheduled" ? active : consumers),
      waiting: kind === "scheduled" ? () => {} : bind(waiting)
    }
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => Object.values(gauges).forEach((set) => set(0)))
    )
    return {
      ...gauges,
      runs: bind(runs),
      failed: bind(failures),
      interrupted: bind(interrupted),
      longRuns: bind(longRuns),
      staleTicks: bind(staleTicks),
      overlap: skipped("overlap"),
      backoff: skipped("backoff"),
      removed: skipped("removed")
    }
  })

export type WorkerMetrics = Effect.Effect.Success<ReturnType<typeof makeWorkerMetrics>>

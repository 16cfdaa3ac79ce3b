/** What workers count, and under which names. Updated where the thing happens. */
import { Metric } from "effect"

const counter = (name: string, description: string) =>
  Metric.counter(name, { description, incremental: true })

const runs = counter("tenant_worker_runs_total", "Runs of a tenant's work that came to an end")
const failures = counter("tenant_worker_failures_total", "Runs that failed or died")
const interrupted = counter(
  "tenant_worker_interrupted_total",
  "Runs that were interrupted, by a removal, new connections or the end of the program"
)
const skips = counter("tenant_worker_skips_total", "Turns that were not taken, by reason")
const staleTicks = counter(
  "tenant_worker_stale_ticks_total",
  "Ticks that were left out because the view was too old"
)
const underWay = Metric.gauge("tenant_worker_active", { description: "Runs under way" })
const consumers = Metric.gauge("tenant_consumers_active", {
  description: "Tenants whose long-lived work is running"
})

const keys = ["runs", "failures", "interrupted", "overlap", "backoff", "removed"] as const

/** What is counted between two reports. */
export type Tally = Record<(typeof keys)[number], number>

export interface WorkerMetrics {
  /** Add here what happened, then `report`. */
  readonly tally: Tally
  /**
   * Publishes, once for all that happens until then, as soon as the present task is
   * through: an update a run would cost as much as the run's fiber.
   */
  readonly report: () => void
  readonly staleTick: () => void
}

/** `active`: how many runs are under way. */
export const makeMetrics = (
  worker: string,
  kind: "scheduled" | "perTenant",
  active: () => number
): WorkerMetrics => {
  const named = <Type, In, Out>(metric: Metric.Metric<Type, In, Out>) =>
    Metric.tagged(metric, "worker", worker)
  const counters = {
    runs: named(runs),
    failures: named(failures),
    interrupted: named(interrupted),
    overlap: Metric.tagged(named(skips), "reason", "overlap"),
    backoff: Metric.tagged(named(skips), "reason", "backoff"),
    removed: Metric.tagged(named(skips), "reason", "removed")
  }
  const gauge = named(kind === "scheduled" ? underWay : consumers)
  const stale = named(staleTicks)
  const tally: Tally = {
    runs: 0,
    failures: 0,
    interrupted: 0,
    overlap: 0,
    backoff: 0,
    removed: 0
  }
  let awaited = false
  const publish = (): void => {
    awaited = false
    for (const key of keys) {
      if (tally[key] === 0) continue
      counters[key].unsafeUpdate(tally[key], [])
      tally[key] = 0
    }
    gauge.unsafeUpdate(active(), [])
  }
  return {
    tally,
    report: () => {
      if (awaited) return
      awaited = true
      queueMicrotask(publish)
    },
    staleTick: () => stale.unsafeUpdate(1, [])
  }
}

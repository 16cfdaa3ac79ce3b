/** The gauges of a pool, with the labels `service` and `layers`. They are 0 after its close. */
import { Effect, Metric } from "effect"
import { TenantDiscovery } from "../../TenantDiscovery.js"
import { metricLabels, type MetricLabels } from "../metricLabels.js"
import type { PoolSettings } from "./poolOptions.js"

const gauge = (name: string, description: string) => Metric.gauge(name, { description })

const metrics = {
  waiting: gauge(
    "tenant_layers_waiting",
    "Callers that wait until a tenant's resource makes room for another tenant's"
  ),
  inUse: gauge("tenant_layers_in_use", "Tenants that have a place: their resource, or its build"),
  cap: gauge("tenant_layers_cap", "How many tenants may have a place; +Inf without a limit")
}

export type PoolMetrics = typeof metrics & { readonly labels: MetricLabels }

export const makePoolMetrics = ({ maxTenants, name }: PoolSettings) =>
  Effect.gen(function* () {
    const { service } = yield* Effect.flatMap(TenantDiscovery, ({ status }) => status.get)
    const labels = yield* metricLabels({ service, layers: name })
    const set = (cap: number): void => {
      metrics.waiting.unsafeUpdate(0, labels)
      metrics.inUse.unsafeUpdate(0, labels)
      metrics.cap.unsafeUpdate(cap, labels)
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => set(maxTenants || Infinity)),
      () => Effect.sync(() => set(0))
    )
    return { ...metrics, labels } satisfies PoolMetrics
  })

/** Reports the callers that wait for a place in a pool. */
import { Effect, Metric } from "effect"
import { TenantDiscovery } from "../../TenantDiscovery.js"
import { metricLabels } from "../metricLabels.js"
import { quietly } from "../worker/transitions.js"
import type { PoolSettings } from "./poolOptions.js"
import { ResourceHolder } from "./resourceHolder.js"

const waitingCallers = Metric.gauge("tenant_layers_waiting", {
  description: "Callers that wait until a tenant's resource makes room for another tenant's"
})

/**
 * Wraps a wait for a place: the gauge `tenant_layers_waiting` (labels `service` and `layers`) counts
 * it, the worker whose run it is shows it in its status, and the first wait that `isFull` confirms
 * is logged.
 */
export const makePlaceWaits = (
  { maxTenants, maxTenantsName, name }: PoolSettings,
  isFull: () => boolean
) =>
  Effect.gen(function* () {
    const discovery = yield* TenantDiscovery
    const { service } = yield* discovery.status.get
    const labels = yield* metricLabels({ service, layers: name })
    let waiting = 0
    let isReported = false

    const count = (change: 1 | -1): void => {
      waiting += change
      waitingCallers.unsafeUpdate(waiting, labels)
    }

    const report = Effect.suspend(() => {
      if (isReported || !isFull()) return Effect.void
      isReported = true
      return Effect.flatMap(discovery.activeTenantIds, (ids) =>
        Effect.logWarning(
          `all places are taken: ${maxTenants} tenants hold resources, ${ids.length} are active; the next ones wait until a resource is idle. Raise ${maxTenantsName} or use fewer tenants at once`
        )
      ).pipe(Effect.annotateLogs("layers", name), quietly)
    })

    return <A, E, R>(wait: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.flatMap(ResourceHolder, ({ waits }) => {
        const own = { pool: name }
        return Effect.acquireUseRelease(
          Effect.sync(() => {
            count(1)
            waits?.add(own)
          }),
          () => Effect.zipRight(report, wait),
          () =>
            Effect.sync(() => {
              count(-1)
              waits?.delete(own)
            })
        )
      })
  })

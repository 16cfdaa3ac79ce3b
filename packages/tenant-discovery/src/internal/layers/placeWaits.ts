/** Reports the callers that wait for a place in a pool. */
import { Effect } from "effect"
import { TenantDiscovery } from "../../TenantDiscovery.js"
import { quietly } from "../worker/transitions.js"
import type { PoolMetrics } from "./poolMetrics.js"
import type { PoolSettings } from "./poolOptions.js"
import { ResourceHolder } from "./resourceHolder.js"

/**
 * Wraps a wait for a place. The gauge `tenant_layers_waiting` counts it, and the status of the
 * worker whose run waits shows it. The first wait that `isFull` confirms is logged.
 */
export const makePlaceWaits = (
  { maxTenants, maxTenantsName, name }: PoolSettings,
  metrics: PoolMetrics,
  isFull: () => boolean
) =>
  Effect.gen(function* () {
    const discovery = yield* TenantDiscovery
    let waiting = 0
    let isReported = false

    const count = (change: 1 | -1): void => {
      waiting += change
      metrics.waiting.unsafeUpdate(waiting, metrics.labels)
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

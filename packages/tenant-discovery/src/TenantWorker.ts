/**
 * Work for every active tenant.
 */
import { type ConfigError, type Effect, Layer, type Scope } from "effect"
import { perTenant as makePerTenant } from "./internal/worker/perTenant.js"
import { scheduled as makeScheduled } from "./internal/worker/scheduled.js"
import type { RunContext } from "./internal/worker/supervisor.js"
import type { PerTenantOptions, ScheduledOptions } from "./internal/worker/workerOptions.js"
import {
  find,
  type TenantWorkerNotFound,
  type TenantWorkerStatus
} from "./internal/worker/workerStatus.js"
import type { TenantDiscovery } from "./TenantDiscovery.js"

export {
  defaults,
  type PerTenantOptions,
  type ScheduledOptions
} from "./internal/worker/workerOptions.js"
export {
  TenantWorkerNotFound,
  type TenantWorkerStatus,
  type TenantWorkFailure,
  type TenantWorkState,
  type TenantWorkStatus
} from "./internal/worker/workerStatus.js"

/**
 * A job for all active tenants on a schedule.
 *
 * At each tick `run` starts for every tenant, `concurrency` at a time. Each run is a fiber, a scope
 * and a root span of its own (linked to the span under which the layer was built); `CurrentTenant`
 * is the tenant, and logs and spans carry `tenant_id` and `worker`.
 *
 * Promised: at most one run of a tenant at a time; no run starts for a tenant that is not active;
 * a run is interrupted `removalGrace` after its tenant was removed; a failure or defect affects
 * neither the schedule nor another tenant. Tenants that had no turn before the next tick come first
 * in it. Not promised: that a tenant has a turn in every tick, or an order within one. An exception
 * to the first promise: a run that does not end within `closeTimeout` after its interruption is left
 * behind with a warning, and the tenant's next run may start beside it.
 *
 * A tenant's first failure is logged with its cause, so is its recovery; the failures between are
 * counted in one summary per minute.
 *
 * Closing: no run starts any more; runs under way have `drain` to end, then are interrupted, and
 * their finalizers have `closeTimeout`. What the layer depends on closes after that. Combine several
 * workers with `Layer.mergeAll`: they then close at the same time, not one after the other. The
 * worker stops in the same way, with a warning, when its discovery closes first.
 *
 * Metrics, labelled `service` and `worker`: `tenant_worker_runs_total`,
 * `tenant_worker_failures_total`, `tenant_worker_interrupted_total`,
 * `tenant_worker_long_runs_total`, `tenant_worker_skips_total` (by `reason`: `overlap`, `backoff`,
 * `removed`), `tenant_worker_stale_ticks_total`, `tenant_worker_active`.
 *
 * @throws RangeError for an invalid option, when it is called.
 * @example
 * import { Effect, Schedule } from "effect"
 * import { CurrentTenant, TenantWorker } from "tenant-discovery"
 *
 * const Billing = TenantWorker.scheduled({
 *   name: "billing",
 *   schedule: Schedule.spaced("1 minute"),
 *   timeout: "30 seconds",
 *   run: Effect.flatMap(CurrentTenant, ({ id }) => Effect.log(`billing ${id}`))
 * })
 */
export const scheduled = <E, R, RS = never>(
  options: ScheduledOptions<E, R, RS>
): Layer.Layer<never, never, TenantDiscovery | RunContext<R> | Exclude<RS, Scope.Scope>> =>
  Layer.scopedDiscard(makeScheduled(options))

/**
 * Long-lived work for each active tenant, from the moment it is active until it is removed.
 *
 * `run` is the whole of a tenant's work: a consumer, a relay. It has a fiber, a scope and a root
 * span of its own, as in `scheduled`.
 *
 * Promised: at most one run of a tenant at a time; a tenant that was removed and comes back starts
 * again when the finalizers of its former run have finished (or `closeTimeout` has passed, with a
 * warning); no run starts for a tenant that is not active. Work that fails, dies or ends is
 * restarted after the delay of `restart`; see `onEnd`. Restarts after a rotation are immediate.
 * `startRate` bounds all starts.
 *
 * Closing: nothing starts any more; work has `drain` to end, then is interrupted, and its
 * finalizers have `closeTimeout`. The worker stops in the same way, with a warning, when its
 * discovery closes first.
 *
 * Metrics, labelled `service` and `worker`: `tenant_consumers_active`, `tenant_worker_waiting`, and
 * `tenant_worker_runs_total`, `tenant_worker_failures_total`, `tenant_worker_interrupted_total`,
 * `tenant_worker_skips_total`.
 *
 * Fails to build only when `maxTenants` is a `Config` that cannot be read.
 *
 * @throws RangeError for an invalid option, when it is called.
 * @example
 * import { Effect } from "effect"
 * import { CurrentTenant, TenantWorker } from "tenant-discovery"
 *
 * const Relay = TenantWorker.perTenant({
 *   name: "relay",
 *   run: Effect.gen(function* () {
 *     const { id } = yield* CurrentTenant
 *     yield* Effect.acquireRelease(Effect.log(`open ${id}`), () => Effect.log(`close ${id}`))
 *     return yield* Effect.never
 *   })
 * })
 */
export function perTenant<E, R>(
  options: PerTenantOptions<E, R> & { readonly maxTenants?: number | undefined }
): Layer.Layer<never, never, TenantDiscovery | RunContext<R>>
export function perTenant<E, R>(
  options: PerTenantOptions<E, R>
): Layer.Layer<never, ConfigError.ConfigError, TenantDiscovery | RunContext<R>>
export function perTenant<E, R>(
  options: PerTenantOptions<E, R>
): Layer.Layer<never, ConfigError.ConfigError, TenantDiscovery | RunContext<R>> {
  return Layer.scopedDiscard(makePerTenant(options))
}

/**
 * The state of a worker's tenants: a snapshot. Tenants for which a scheduled worker has nothing to
 * do at present are not in it. Finds the worker by its name among those of this process that run
 * over a discovery of the same service; of two with one name, the newer.
 *
 * @example
 * const backingOff = Effect.map(TenantWorker.status("relay"), (tenants) =>
 *   [...tenants].filter(([, { state }]) => state === "BackingOff")
 * )
 */
export const status = (
  name: string
): Effect.Effect<TenantWorkerStatus, TenantWorkerNotFound, TenantDiscovery> => find(name)

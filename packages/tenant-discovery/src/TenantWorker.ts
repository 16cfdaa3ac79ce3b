/**
 * Work for every active tenant.
 */
import { type ConfigError, Effect, Layer } from "effect"
import type { CurrentTenant } from "./CurrentTenant.js"
import type { PerTenantOptions, ScheduledOptions } from "./internal/worker/options.js"
import { perTenant as makePerTenant } from "./internal/worker/perTenant.js"
import { scheduled as makeScheduled } from "./internal/worker/scheduled.js"
import {
  find,
  type TenantWorkerNotFound,
  type TenantWorkerStatus
} from "./internal/worker/status.js"
import { TenantDiscovery } from "./TenantDiscovery.js"

export type { PerTenantOptions, ScheduledOptions } from "./internal/worker/options.js"
export {
  TenantWorkerNotFound,
  type TenantWorkerStatus,
  type TenantWorkFailure,
  type TenantWorkState,
  type TenantWorkStatus
} from "./internal/worker/status.js"

/**
 * A job for all active tenants on a schedule.
 *
 * At each tick `run` begins for every tenant, `concurrency` at a time; each run has a
 * fiber of its own, in which `CurrentTenant` is the tenant and logs and spans carry
 * `tenant_id`. Promised: never two runs of a tenant at once; none begins for a tenant
 * that has left, not even when it left after the tick; one whose tenant leaves is
 * interrupted after `removalGrace`; a failure or defect is logged with its cause,
 * counted, and touches neither the schedule nor another tenant. Those who had no turn
 * before the next tick come first in it. Not promised: that a tenant has a turn in
 * every tick, nor an order within one.
 *
 * When the layer closes no run begins any more, those under way have `drain` to end,
 * then are interrupted; it is closed when their finalizers are through. What `run`
 * acquires for itself belongs into an `Effect.scoped` of its own.
 *
 * Metrics, tagged `worker`: `tenant_worker_runs_total`, `tenant_worker_failures_total`,
 * `tenant_worker_interrupted_total`, `tenant_worker_skips_total` (by `reason`:
 * `overlap`, `backoff`, `removed`), `tenant_worker_stale_ticks_total`,
 * `tenant_worker_active`.
 */
export const scheduled = <E, R, RS = never>(
  options: ScheduledOptions<E, R, RS>
): Layer.Layer<never, never, TenantDiscovery | Exclude<R, CurrentTenant> | RS> =>
  Layer.scopedDiscard(makeScheduled(options))

/**
 * A long-lived fiber for each active tenant: for those present, and for each that
 * comes, until it leaves.
 *
 * `run` is the whole life of a tenant's work; `CurrentTenant` is the tenant, and logs
 * and spans carry `tenant_id`. Promised: never two at once for a tenant, a tenant that
 * left and came back begins again when the finalizers of its former life are through;
 * none begins for a tenant that has left. Work that fails or dies is begun again by
 * `restart`; work that ends has ended, unless `restartOnEnd`. Over `maxTenants`,
 * tenants wait in the order in which they came, and are told so by `status`; a place
 * is free when a tenant has left or its work has ended, not while it backs off.
 *
 * When the layer closes nothing begins any more; the work is interrupted, at once or
 * after `drain`, and it is closed when all finalizers are through. What `run` acquires
 * for itself belongs into an `Effect.scoped` of its own.
 *
 * Fails to build only where `maxTenants` is not given as a number and the
 * configuration that it comes from is wrong.
 *
 * Metrics, tagged `worker`: `tenant_consumers_active`, and the counters of `scheduled`.
 */
export function perTenant<E, R>(
  options: PerTenantOptions<E, R> & { readonly maxTenants: number }
): Layer.Layer<never, never, TenantDiscovery | Exclude<R, CurrentTenant>>
export function perTenant<E, R>(
  options: PerTenantOptions<E, R>
): Layer.Layer<never, ConfigError.ConfigError, TenantDiscovery | Exclude<R, CurrentTenant>>
export function perTenant<E, R>(
  options: PerTenantOptions<E, R>
): Layer.Layer<never, ConfigError.ConfigError, TenantDiscovery | Exclude<R, CurrentTenant>> {
  return Layer.scopedDiscard(makePerTenant(options))
}

/**
 * How a worker is doing, tenant by tenant: a snapshot. Tenants that a scheduled worker
 * has nothing to do for at present are not in it. A worker is found by its name among
 * those that run over the same `TenantDiscovery`.
 */
export const status = (
  name: string
): Effect.Effect<TenantWorkerStatus, TenantWorkerNotFound, TenantDiscovery> =>
  Effect.flatMap(TenantDiscovery, (discovery) => find(discovery, name))

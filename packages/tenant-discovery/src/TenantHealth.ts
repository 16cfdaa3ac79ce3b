/**
 * Is the program healthy, what is wrong, and since when: for probes, dashboards and people.
 */
import { Context, type Duration, type Effect, Layer } from "effect"
import { HealthOptions } from "./internal/health/healthOptions.js"
import type { HealthReport, TenantNotFound, TenantReport } from "./internal/health/healthReport.js"
import { makeHealth } from "./internal/health/healthService.js"
import { decodeOptions } from "./internal/options.js"
import type { TenantId } from "./Tenant.js"
import type { TenantDiscovery } from "./TenantDiscovery.js"
import type { TenantWorkerStatus } from "./TenantWorker.js"

export { tenantHealthDefaults } from "./internal/health/healthOptions.js"
export {
  type AssignmentReport,
  type ConnectionsReport,
  type FailureReport,
  type HealthCheck,
  type HealthReport,
  type HealthStatus,
  type PoolReport,
  TenantNotFound,
  type TenantReport,
  type TenantSource
} from "./internal/health/healthReport.js"

export interface TenantHealthOptions {
  /** A view that was last known to be right longer ago makes the program `down`. Default 5 min. */
  readonly maxStaleness?: Duration.DurationInput | undefined
  /**
   * How long the subscription may be lost, or lists may fail, before that is `degraded`: a short
   * loss does not change the health. The way back is immediate. Default 10 s.
   */
  readonly degradedAfter?: Duration.DurationInput | undefined
  /**
   * How long there may be tenants that wait for a place in a pool or a worker, or that missed their
   * turn, before `workers` is `degraded`; `Infinity` turns it off. Default 1 min.
   */
  readonly waitingAfter?: Duration.DurationInput | undefined
}

/**
 * The health of a program: of the discovery, and of what runs over it in this process.
 *
 * - `redis` is `degraded` in mode `BootstrapOnly`.
 * - `tenant_manager` is `degraded` while lists fail, or are incomplete and lack present tenants.
 * - `view` is `degraded` while the mode is not `Live`, and `down` when the view is older than
 *   `maxStaleness` or was never listed. No other check is ever `down`.
 * - `workers` is `degraded` while tenants wait for longer than `waitingAfter`, while runs are under
 *   way for longer than the worker's `longRunAfter`, and while the assignment has a problem. A
 *   tenant that fails does not count. Without a worker it is `skipped`.
 *
 * `redis`, `tenant_manager` and `view` are `skipped` in single-tenant mode; the whole is `skipped`
 * too, unless `workers` is `degraded`. No tenant's own database is ever asked. It follows the
 * discovery in one fiber, so that `since` is right also when nobody asks; `workers` is looked at
 * every 5 s.
 *
 * @example
 * const isReady = Effect.flatMap(TenantHealth, (health) =>
 *   Effect.map(health.check, ({ status }) => status !== "down")
 * )
 */
export class TenantHealth extends Context.Tag("tenant-discovery/TenantHealth")<
  TenantHealth,
  {
    /** The health now. Sends nothing over the network, unless the assignment does for `members`. */
    readonly check: Effect.Effect<HealthReport>
    /**
     * What is known of a tenant in this process. Fails with `TenantNotFound` for a tenant that is
     * not active and was not, as far as this process knows: it remembers the last 1000 removed ones.
     */
    readonly tenant: (id: TenantId) => Effect.Effect<TenantReport, TenantNotFound>
    /**
     * The state of the tenants of each worker of the service that runs in this process, by the
     * worker's name: a snapshot. Of two workers with one name, the newer.
     */
    readonly workers: Effect.Effect<ReadonlyMap<string, TenantWorkerStatus>>
  }
>() {
  /**
   * Follows the discovery until the scope closes. A discovery that a program wraps works too.
   *
   * @throws RangeError for an option that is not valid.
   */
  static layer(options?: TenantHealthOptions): Layer.Layer<TenantHealth, never, TenantDiscovery> {
    return Layer.scoped(
      TenantHealth,
      makeHealth(decodeOptions("TenantHealth.layer", HealthOptions, options))
    )
  }
}

/**
 * The tenants' connection settings: read through the tenant manager, kept, and
 * dropped the moment the discovery tells that they are out of date.
 */
import { type ConfigError, Context, Duration, Effect, Layer, type Scope, type Stream } from "effect"
import type { Connections } from "./internal/connections/Connections.js"
import type { ConnectionSettings } from "./internal/connections/schema.js"
import { make, type Reloaded } from "./internal/connections/service.js"
import type { TenantId } from "./Tenant.js"
import type { TenantDiscovery } from "./TenantDiscovery.js"
import * as TenantDiscoveryConfig from "./TenantDiscoveryConfig.js"
import type { TenantManager } from "./TenantManager.js"
import type { TenantManagerError } from "./TenantManagerError.js"

export type {
  Connections,
  Database,
  InModule,
  Isolation
} from "./internal/connections/Connections.js"
export {
  type ConnectionKind,
  TenantConnectionNotConfigured
} from "./internal/connections/notConfigured.js"
export {
  ConnectionSettings,
  KafkaSettings,
  MongodbSettings,
  PostgresqlSettings,
  RabbitmqSettings,
  TenantSettings
} from "./internal/connections/schema.js"
export type { Reloaded } from "./internal/connections/service.js"

export interface TenantConnectionsOptions {
  /** How long settings are kept while no event says otherwise. Default 12 h. */
  readonly ttl?: Duration.DurationInput | undefined
  /**
   * Whether settings past their time are given out, marked as stale, while the
   * tenant manager cannot give newer ones; for twice their time at most. Never
   * those that an event said to be out of date. Default true.
   */
  readonly staleWhileError?: boolean | undefined
  /** How long a failure is remembered before the next ask; suspended and not found never are. Default 1 s. */
  readonly failureTtl?: Duration.DurationInput | undefined
  /** Settings in use that an event said to be out of date are loaded anew after a random part of this. Default 5 s. */
  readonly rotationJitter?: Duration.DurationInput | undefined
  /** How long after it was last read a tenant counts as in use. Default 5 min. */
  readonly inUseFor?: Duration.DurationInput | undefined
  /** What holds where the tenant manager says nothing. */
  readonly connectionSettings?: ConnectionSettings | undefined
}

/** What holds where {@link TenantConnectionsOptions} say nothing. */
export const tenantConnectionsDefaults = {
  ttl: Duration.hours(12),
  staleWhileError: true,
  failureTtl: Duration.seconds(1),
  rotationJitter: Duration.seconds(5),
  inUseFor: Duration.minutes(5)
} as const

export class TenantConnections extends Context.Tag("tenant-discovery/TenantConnections")<
  TenantConnections,
  {
    /**
     * The tenant's settings. Concurrent calls share one request, and what it
     * answers is kept for an active tenant. Once the discovery knows that they are
     * out of date no call answers with the old ones: one that is overtaken by such
     * an event asks again. Interrupting it does not stop a request that others may
     * wait for. Fails with `TenantManagerUnavailable` once closed.
     */
    readonly get: (id: TenantId) => Effect.Effect<Connections, TenantManagerError>
    /** Counts the tenant as in use until the scope closes: its settings are loaded anew without being asked for. */
    readonly hold: (id: TenantId) => Effect.Effect<void, never, Scope.Scope>
    /** Whether settings of this revision are still the newest: false from the moment an event said they are out of date. */
    readonly isCurrent: (id: TenantId, revision: number) => Effect.Effect<boolean>
    /**
     * Tells `Reloaded` each time settings took the place of older ones, from the
     * moment it is run until this closes. The discovery's `ConnectionsChanged`
     * says that they are out of date, this that the new ones are in. A reader more
     * than 4096 behind loses the oldest.
     */
    readonly changes: Stream.Stream<Reloaded>
  }
>() {
  /** Nothing is asked before it is used. Bind it to a constant: called twice, it is two caches. */
  static layer(
    options?: TenantConnectionsOptions
  ): Layer.Layer<TenantConnections, never, TenantDiscovery | TenantManager> {
    const defaults = tenantConnectionsDefaults
    const millis = (input: Duration.DurationInput | undefined, other: Duration.Duration) =>
      Duration.toMillis(input ?? other)
    return Layer.scoped(
      TenantConnections,
      make({
        ttl: millis(options?.ttl, defaults.ttl),
        staleWhileError: options?.staleWhileError ?? defaults.staleWhileError,
        failureTtl: millis(options?.failureTtl, defaults.failureTtl),
        rotationJitter: millis(options?.rotationJitter, defaults.rotationJitter),
        inUseFor: millis(options?.inUseFor, defaults.inUseFor),
        defaults: options?.connectionSettings
      })
    )
  }

  /** {@link TenantConnections.layer} with `MULTI_TENANT_CACHE_TTL_SEC` where no `ttl` is given. */
  static layerConfig(
    options?: TenantConnectionsOptions
  ): Layer.Layer<TenantConnections, ConfigError.ConfigError, TenantDiscovery | TenantManager> {
    return Layer.unwrapEffect(
      Effect.map(TenantDiscoveryConfig.connectionsCacheTtl, (ttl) =>
        TenantConnections.layer({ ...options, ttl: options?.ttl ?? ttl })
      )
    )
  }
}

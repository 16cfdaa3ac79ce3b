/**
 * The tenants' connection settings: loaded from the tenant manager, cached, and loaded
 * again when they change.
 */
import {
  type ConfigError,
  Context,
  type Duration,
  Effect,
  Layer,
  type Scope,
  type Stream
} from "effect"
import type { Connections } from "./internal/connections/accessors.js"
import { ConnectionOptions } from "./internal/connections/connectionOptions.js"
import type { ConnectionSettings } from "./internal/connections/connectionSchema.js"
import { type ConnectionsChange, make } from "./internal/connections/loader.js"
import { decodeOptions } from "./internal/options.js"
import type { TenantId } from "./Tenant.js"
import type { TenantDiscovery } from "./TenantDiscovery.js"
import * as TenantDiscoveryConfig from "./TenantDiscoveryConfig.js"
import type { TenantManager } from "./TenantManager.js"
import type { TenantManagerError } from "./TenantManagerError.js"

export {
  type ConnectionKind,
  type Connections,
  type Database,
  type InModule,
  type Isolation,
  TenantConnectionNotConfigured
} from "./internal/connections/accessors.js"
export { tenantConnectionsDefaults } from "./internal/connections/connectionOptions.js"
export {
  ConnectionSettings,
  KafkaSettings,
  MongodbSettings,
  PostgresqlSettings,
  RabbitmqSettings,
  TenantSettings,
  UnreadablePart
} from "./internal/connections/connectionSchema.js"
export type { ConnectionsChange, Reloaded } from "./internal/connections/loader.js"

export interface TenantConnectionsOptions {
  /** How long settings are answered without a request. Default 2 min. */
  readonly ttl?: Duration.DurationInput | undefined
  /**
   * How long after `ttl` settings are answered, marked as stale, while requests for them fail: an
   * outage does not stop new pools. Not where the tenant manager says that the tenant is not
   * active or refuses access (403), and never settings that an event said to be out of date.
   * 0 turns it off. Default 12 h.
   */
  readonly staleFor?: Duration.DurationInput | undefined
  /**
   * How often settings in use are read again, with a jitter of a quarter, at most 4 at
   * once: finds rotations of which no event came. 0 turns it off. Default 30 s.
   */
  readonly checkInterval?: Duration.DurationInput | undefined
  /** How long a failure is answered without a request; suspended and not found never are. Default 1 s. */
  readonly failureTtl?: Duration.DurationInput | undefined
  /** Settings in use that changed are loaded after a random part of this: spreads the requests of many replicas. Default 5 s. */
  readonly rotationJitter?: Duration.DurationInput | undefined
  /** How long after its last `get` a tenant's settings count as in use. Default 5 min. */
  readonly inUseFor?: Duration.DurationInput | undefined
  /** The limits for pools where the tenant manager gives none. Default: none. */
  readonly connectionSettings?: ConnectionSettings | undefined
}

const variables = {
  ttl: TenantDiscoveryConfig.connectionsCacheTtl,
  checkInterval: TenantDiscoveryConfig.connectionsCheckInterval
}

export class TenantConnections extends Context.Tag("tenant-discovery/TenantConnections")<
  TenantConnections,
  {
    /**
     * The tenant's settings. Concurrent calls share one request; the answer is cached for an
     * active tenant. A call never answers with settings that the discovery knows to be out
     * of date: a request that a change overtakes is repeated, up to 6 times with a backoff,
     * then it fails with `TenantManagerUnavailable`. An answer that refuses an active tenant
     * makes the discovery relist. Interrupting a call does not stop its request. Fails with
     * `TenantManagerUnavailable` once closed.
     */
    readonly get: (id: TenantId) => Effect.Effect<Connections, TenantManagerError>
    /** Counts the tenant's settings as in use until the scope closes: they are reloaded and revalidated. */
    readonly hold: (id: TenantId) => Effect.Effect<void, never, Scope.Scope>
    /** Whether settings of this revision are still the newest: false from the moment an event says that they changed. */
    readonly isCurrent: (id: TenantId, revision: number) => Effect.Effect<boolean>
    /**
     * What becomes of settings, from the moment the stream is run until this closes. Of each
     * tenant a slow reader gets the latest change.
     */
    readonly changes: Stream.Stream<ConnectionsChange>
  }
>() {
  /**
   * The cache, empty; nothing is requested before the first `get`. Bind it to a constant:
   * called twice, it is two caches.
   *
   * @throws RangeError for an option that is not valid.
   *
   * @example
   * const connections = TenantConnections.layer({ checkInterval: "1 minute" })
   */
  static layer(
    options?: TenantConnectionsOptions
  ): Layer.Layer<TenantConnections, never, TenantDiscovery | TenantManager> {
    return Layer.scoped(
      TenantConnections,
      make(decodeOptions("TenantConnections.layer", ConnectionOptions, options))
    )
  }

  /**
   * {@link TenantConnections.layer} with `MULTI_TENANT_CACHE_TTL_SEC` and
   * `MULTI_TENANT_CONNECTIONS_CHECK_INTERVAL_SEC` where no option is given.
   */
  static layerConfig(
    options?: TenantConnectionsOptions
  ): Layer.Layer<TenantConnections, ConfigError.ConfigError, TenantDiscovery | TenantManager> {
    return Layer.unwrapEffect(
      Effect.map(Effect.all(variables), ({ checkInterval, ttl }) =>
        TenantConnections.layer({
          ...options,
          ttl: options?.ttl ?? ttl,
          checkInterval: options?.checkInterval ?? checkInterval
        })
      )
    )
  }
}

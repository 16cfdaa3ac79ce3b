/**
 * The discovery wired for Node: the tenant manager over undici, the events over
 * ioredis.
 */
import { layerUndici } from "@effect/platform-node/NodeHttpClient"
import { type ConfigError, Effect, Layer } from "effect"
import { X509Certificate } from "node:crypto"
import { certificates } from "./internal/config/certificate.js"
import { invalid } from "./internal/config/read.js"
import * as Variables from "./internal/config/variables.js"
import { warnings } from "./internal/config/warnings.js"
import {
  type Channel,
  channelFor,
  layer as layerRedis,
  type RedisTenantEventsOptions
} from "./RedisTenantEvents.js"
import type { Tenant, TenantId } from "./Tenant.js"
import { TenantDiscovery } from "./TenantDiscovery.js"
import * as TenantDiscoveryConfig from "./TenantDiscoveryConfig.js"
import type { TenantDiscoveryOptions } from "./TenantDiscoveryOptions.js"
import { TenantManager, type TenantManagerOptions } from "./TenantManager.js"
import { TenantManagerNotFound, type TenantManagerError } from "./TenantManagerError.js"

/** The options of the events that are not their address or channel. */
export type EventsOptions = Omit<RedisTenantEventsOptions, "redis" | "channel">

export interface NodeTenantDiscoveryOptions {
  /** An `http` URL needs no opt-in here; to a host that is not loopback it is one warning. */
  readonly tenantManager: TenantManagerOptions
  /**
   * Where the events come from: an address, or a function that makes a connection
   * the program configured itself (a cluster, sentinels). It is called for each
   * attempt, since a subscriber needs a connection of its own.
   */
  readonly redis: RedisTenantEventsOptions["redis"]
  /**
   * Default: the channel of `discovery.environment` alone, and where that is not
   * set, with one warning, the channels of every environment.
   */
  readonly channel?: Channel | undefined
  readonly events?: EventsOptions | undefined
  /** Its `environment` is taken as it is written: publishers write it in lower case. */
  readonly discovery?: TenantDiscoveryOptions | undefined
}

/** What {@link layerConfigWith} lets a program say besides its environment variables. */
export interface LayerConfigOptions {
  /** The tenants in single-tenant mode. Default: none. */
  readonly tenants?: ReadonlyArray<Tenant> | undefined
  /** Takes the place of the variables about Redis, none of which is then looked at. */
  readonly redis?: RedisTenantEventsOptions["redis"] | undefined
  /** Takes the place of the channel that the environment's name picks. */
  readonly channel?: Channel | undefined
  readonly events?: EventsOptions | undefined
  /** Each one that is set wins over its variable. */
  readonly discovery?: TenantDiscoveryOptions | undefined
  /** What no variable says about the calls to the tenant manager. */
  readonly tenantManager?: Pick<TenantManagerOptions, "listBodyLimit" | "maxRetryAfter"> | undefined
}

/**
 * Lists the service's tenants and follows their changes, until the scope closes.
 *
 * Fails where the first list does. A Redis that is away is no failure: `status`
 * says so, and it is tried again in the background. What is legal but doubtful
 * (http or no TLS across a network, no environment) is one warning each.
 *
 * Each call of this function is a connection of its own: bind the layer to a
 * constant and provide it once.
 */
export const layer = (
  options: NodeTenantDiscoveryOptions
): Layer.Layer<TenantDiscovery | TenantManager, TenantManagerError> => {
  const { redis } = options
  const channel = options.channel ?? channelFor(options.discovery?.environment)
  const tenantManager = Layer.provide(TenantManager.layer(options.tenantManager), layerUndici)
  const events = layerRedis({ ...options.events, redis, channel })
  const wired = TenantDiscovery.layer(options.discovery).pipe(
    Layer.provide(events),
    Layer.provideMerge(tenantManager)
  )
  const found = warnings({
    url: options.tenantManager.url,
    redis:
      typeof redis === "function"
        ? undefined
        : { host: redis.host, tls: redis.tls !== undefined && redis.tls !== false },
    everyEnvironment: options.channel === undefined && channel._tag === "Pattern"
  })
  return Layer.unwrapEffect(
    Effect.as(
      Effect.forEach(found, (message) => Effect.logWarning(message), { discard: true }),
      wired
    )
  )
}

/** Each tenant once; the first wins. */
const distinct = (tenants: ReadonlyArray<Tenant>): ReadonlyArray<Tenant> => {
  const byId = new Map<TenantId, Tenant>()
  for (const tenant of tenants) if (!byId.has(tenant.id)) byId.set(tenant.id, tenant)
  return [...byId.values()]
}

/** Single-tenant mode: the given tenants (default none) and no network use at all. */
export const layerSingleTenant = (options?: {
  readonly tenants?: ReadonlyArray<Tenant> | undefined
  readonly service?: string | undefined
}): Layer.Layer<TenantDiscovery | TenantManager> => {
  const tenants = distinct(options?.tenants ?? [])
  return Layer.merge(
    TenantDiscovery.layerSingleTenant({ tenants, service: options?.service }),
    Layer.succeed(TenantManager, {
      service: options?.service ?? "",
      listActiveTenants: Effect.succeed({
        tenants,
        skipped: 0,
        firstSkipped: undefined,
        inactive: new Map()
      }),
      getConnections: () =>
        new TenantManagerNotFound({
          operation: "get connections",
          message: "in single-tenant mode there is no tenant manager to ask for connection settings"
        })
    })
  )
}

const isCertificate = (pem: string): boolean => {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}

/** A PEM block may still hold anything: better told here than by a handshake that fails. */
const checkCertificates = (
  settings: TenantDiscoveryConfig.Settings
): Effect.Effect<void, ConfigError.ConfigError> => {
  if (settings._tag === "SingleTenant" || settings.redis.tls === false) return Effect.void
  const blocks = certificates(settings.redis.tls.ca ?? "")
  const bad = blocks.findIndex((block) => !isCertificate(block))
  return bad === -1
    ? Effect.void
    : Effect.fail(
        invalid(
          Variables.redisCaCert,
          `X.509 certificates: block ${bad + 1} of ${blocks.length} cannot be read as one`
        )
      )
}

const singleTenant = (
  settings: TenantDiscoveryConfig.SingleTenantSettings,
  options: LayerConfigOptions
): Layer.Layer<TenantDiscovery | TenantManager> =>
  layerSingleTenant({ tenants: options.tenants, service: settings.service })

const multiTenant = (
  settings: TenantDiscoveryConfig.MultiTenantSettings<unknown>,
  redis: NodeTenantDiscoveryOptions["redis"],
  options: LayerConfigOptions
): Layer.Layer<TenantDiscovery | TenantManager, TenantManagerError> => {
  const { apiKey, apiPrefix, timeout, url } = settings.tenantManager
  return layer({
    tenantManager: {
      ...options.tenantManager,
      service: settings.service,
      url,
      apiKey,
      apiPrefix,
      timeout,
      circuitBreaker: {
        threshold: settings.tenantManager.circuitBreakerThreshold,
        resetAfter: settings.tenantManager.circuitBreakerTimeout
      }
    },
    redis,
    channel: options.channel,
    events: options.events,
    discovery: {
      ...options.discovery,
      environment: options.discovery?.environment ?? settings.environment,
      reconcileInterval: options.discovery?.reconcileInterval ?? settings.reconcileInterval
    }
  })
}

/**
 * {@link layerConfig}, and what a program says besides its environment variables.
 */
export const layerConfigWith = (
  options: LayerConfigOptions
): Layer.Layer<TenantDiscovery | TenantManager, TenantManagerError | ConfigError.ConfigError> => {
  const { redis } = options
  return Layer.unwrapEffect(
    redis === undefined
      ? TenantDiscoveryConfig.config.pipe(
          Effect.tap(checkCertificates),
          Effect.map((settings) =>
            settings._tag === "SingleTenant"
              ? singleTenant(settings, options)
              : multiTenant(settings, settings.redis, options)
          )
        )
      : TenantDiscoveryConfig.configWithoutRedis.pipe(
          Effect.map((settings) =>
            settings._tag === "SingleTenant"
              ? singleTenant(settings, options)
              : multiTenant(settings, redis, options)
          )
        )
  )
}

/**
 * {@link layer} from the environment variables (`.env.reference` has them all), or
 * {@link layerSingleTenant} where `MULTI_TENANT_ENABLED` is false. What is missing
 * or does not parse is a `ConfigError` that names each such variable, all at once.
 */
export const layerConfig: Layer.Layer<
  TenantDiscovery | TenantManager,
  TenantManagerError | ConfigError.ConfigError
> = layerConfigWith({})

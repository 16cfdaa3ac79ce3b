/**
 * The discovery wired for Node: the tenant manager over undici, the events over ioredis.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import { type ConfigError, Effect, Layer, Redacted, Schema } from "effect"
import { X509Certificate } from "node:crypto"
import { readFile } from "node:fs/promises"
import { certificates } from "./internal/config/certificate.js"
import * as Parse from "./internal/config/parse.js"
import { configError } from "./internal/config/read.js"
import type { Name } from "./internal/config/variables.js"
import { warnings } from "./internal/config/warnings.js"
import { layerUndiciClient, type TransportOptions } from "./internal/http/undiciClient.js"
import { decodeOptions, withDefault } from "./internal/options.js"
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
import { TenantListing } from "./TenantListing.js"
import { TenantManager, type TenantManagerOptions } from "./TenantManager.js"
import { TenantManagerNotFound, type TenantManagerError } from "./TenantManagerError.js"

export type { TransportOptions }

/** The default client for the tenant manager: undici, with a proxy and trusted roots. */
export const layerHttpClient: (options: TransportOptions) => Layer.Layer<HttpClient.HttpClient> =
  layerUndiciClient

/** The options of the events that are not their address or channel. */
export type EventsOptions = Omit<RedisTenantEventsOptions, "redis" | "channel">

export interface NodeTenantDiscoveryOptions {
  /** An `http` URL needs no opt-in here; to a host that is not loopback it logs one warning. */
  readonly tenantManager: TenantManagerOptions
  /** Where the events come from; see `RedisTenantEventsOptions`. */
  readonly redis: RedisTenantEventsOptions["redis"]
  /** Default: the channel of `discovery.environment`. */
  readonly channel?: Channel | undefined
  /**
   * Without `channel` and `discovery.environment`, `true` receives the events of all environments
   * (`tenant-events:*`), with one warning: an event of staging then counts in production. Default: `false`.
   */
  readonly allEnvironments?: boolean | undefined
  /** The heartbeat, the timeouts and the backoff of the subscription; see `RedisTenantEventsOptions`. */
  readonly events?: EventsOptions | undefined
  /** `environment` is required unless `channel` or `allEnvironments` is given; trimmed, lower-cased. */
  readonly discovery?: TenantDiscoveryOptions | undefined
  /** The client for the tenant manager, for mutual TLS say. Default: undici with `transport`. */
  readonly httpClient?: Layer.Layer<HttpClient.HttpClient> | undefined
  /** How undici reaches the tenant manager; not used with `httpClient`. */
  readonly transport?: TransportOptions | undefined
}

/**
 * What {@link layerConfigWith} takes besides the environment variables. Each option wins over its
 * variables: with `redis`, those about Redis are not read.
 */
export interface LayerConfigOptions extends Partial<
  Omit<NodeTenantDiscoveryOptions, "tenantManager" | "transport" | "redis">
> {
  /** The tenants in single-tenant mode. Default: none. */
  readonly tenants?: ReadonlyArray<Tenant> | undefined
  readonly redis?: RedisTenantEventsOptions["redis"] | undefined
  /** What no variable says about the calls to the tenant manager. */
  readonly tenantManager?: Pick<TenantManagerOptions, "listBodyLimit" | "maxRetryAfter"> | undefined
}

const Options = Schema.Struct({ allEnvironments: withDefault(Schema.Boolean, false) })

const OWNER = "NodeTenantDiscovery"

/** Decodes all options at once; `naming` and `given` are for the warnings at the start. */
const wire = (
  options: NodeTenantDiscoveryOptions,
  naming: "options" | "environment",
  given: ReadonlyArray<string>
): Layer.Layer<TenantDiscovery | TenantManager, TenantManagerError> => {
  const { channel, discovery = {}, redis, tenantManager, transport = {} } = options
  const { allEnvironments } = decodeOptions(OWNER, Options, options)
  const everyEnvironment = channel === undefined && discovery.environment === undefined
  if (everyEnvironment && !allEnvironments) {
    throw new RangeError(
      `${OWNER}: option "discovery.environment": expected the name of the environment, or the option "channel", or "allEnvironments: true"`
    )
  }
  const wired = TenantDiscovery.layer(discovery).pipe(
    Layer.provide(
      layerRedis({
        ...options.events,
        redis,
        channel: channel ?? channelFor(discovery.environment)
      })
    ),
    Layer.provideMerge(TenantManager.layer(tenantManager)),
    Layer.provide(options.httpClient ?? layerUndiciClient(transport))
  )
  const found = warnings({
    naming,
    url: new URL(tenantManager.url),
    redis,
    everyEnvironment,
    noProxy: transport.proxy && transport.noProxy
  })
  const warn = Effect.forEach([...given, ...found], (message) => Effect.logWarning(message))
  return Layer.unwrapEffect(Effect.as(warn, wired))
}

/**
 * Lists the service's tenants and follows their changes, until the scope closes.
 *
 * Fails when the first list fails. An unreachable Redis does not fail the layer: `status` shows
 * it, and the subscription is retried in the background. What is legal but probably a mistake
 * (http or no TLS across a network, no environment) logs one warning each. Each call of this
 * function is a connection of its own: bind the layer to a constant and provide it once.
 *
 * @throws RangeError at once for a bad option, which it names.
 *
 * @example
 * const discovery = NodeTenantDiscovery.layer({
 *   tenantManager: { service: "ledger", url: "https://tenant-manager.example", apiKey },
 *   redis: { host: "redis.example", port: 6379, tls: {} },
 *   discovery: { environment: "production" }
 * })
 */
export const layer = (
  options: NodeTenantDiscoveryOptions
): Layer.Layer<TenantDiscovery | TenantManager, TenantManagerError> => wire(options, "options", [])

/**
 * Single-tenant mode: the given tenants (default none; of two with one ID the first) and no
 * network use at all.
 */
export const layerSingleTenant = (
  options: {
    readonly tenants?: ReadonlyArray<Tenant> | undefined
    readonly service?: string | undefined
  } = {}
): Layer.Layer<TenantDiscovery | TenantManager> => {
  const { service = "" } = options
  const ids = new Set<TenantId>()
  const tenants = (options.tenants ?? []).filter(({ id }) => ids.size < ids.add(id).size)
  return Layer.merge(
    TenantDiscovery.layerSingleTenant({ tenants, service }),
    Layer.succeed(TenantManager, {
      service,
      listActiveTenants: Effect.succeed(TenantListing.of(tenants)),
      getConnections: () =>
        new TenantManagerNotFound({
          operation: "get connections",
          message: "single-tenant mode has no tenant manager and no connection settings"
        })
    })
  )
}

/** A PEM block may hold anything: an error here is clearer than a handshake that fails. */
const checkCertificates = (name: Name, pem = ""): Effect.Effect<void, ConfigError.ConfigError> =>
  Effect.try({
    try: () => certificates(pem).forEach((block) => void new X509Certificate(block)),
    catch: () =>
      configError([
        { name, isMissing: false, expected: "X.509 certificates: one block cannot be read as one" }
      ])
  })

/** A file is read at each use, since it may be rewritten. */
const credential = (secret: TenantDiscoveryConfig.Secret) =>
  Redacted.isRedacted(secret)
    ? secret
    : Effect.map(
        Effect.tryPromise(() => readFile(secret.file, "utf8")),
        Parse.secretOf
      )

/** `options` over those that the environment variables give. */
const over = (
  options: LayerConfigOptions,
  base: NodeTenantDiscoveryOptions
): NodeTenantDiscoveryOptions => ({
  ...options,
  tenantManager: { ...options.tenantManager, ...base.tenantManager },
  redis: options.redis ?? base.redis,
  events: { naming: options.redis === undefined ? "environment" : "options", ...options.events },
  allEnvironments: options.allEnvironments ?? base.allEnvironments,
  discovery: {
    ...options.discovery,
    environment: options.discovery?.environment ?? base.discovery?.environment,
    reconcileInterval: options.discovery?.reconcileInterval ?? base.discovery?.reconcileInterval
  },
  transport: base.transport
})

/** Valid options in place of those that no variable has given yet. */
const STAND_IN = {
  tenantManager: { service: "service", url: "https://localhost", apiKey: Redacted.make("key") },
  redis: { host: "localhost", port: 6379 },
  discovery: { environment: "environment" }
}

/**
 * {@link layerConfig}, with what a program gives besides its environment variables.
 *
 * @throws RangeError at once for a bad option, which it names.
 *
 * @example
 * NodeTenantDiscovery.layerConfigWith({ discovery: { massRemovalFraction: 0.2 } })
 */
export const layerConfigWith = (
  options: LayerConfigOptions
): Layer.Layer<TenantDiscovery | TenantManager, TenantManagerError | ConfigError.ConfigError> => {
  // Only decodes the options: without it, a bad one would throw after the variables are read.
  wire(over(options, STAND_IN), "environment", [])
  return Layer.unwrapEffect(
    Effect.gen(function* () {
      const settings = yield* TenantDiscoveryConfig.configWith({
        environment:
          options.channel !== undefined ||
          options.allEnvironments === true ||
          options.discovery?.environment !== undefined,
        redis: options.redis !== undefined
      })
      if (settings._tag === "SingleTenant") {
        return layerSingleTenant({ tenants: options.tenants, service: settings.service })
      }
      const { allEnvironments, redis, service } = settings
      const { apiKey, transport, ...client } = settings.tenantManager
      yield* checkCertificates("MULTI_TENANT_CA_CERT", transport.caCert)
      if (redis?.tls) yield* checkCertificates("MULTI_TENANT_REDIS_CA_CERT", redis.tls.ca)
      const base = {
        tenantManager: { ...client, service, apiKey: credential(apiKey) },
        redis: redis
          ? { ...redis, password: redis.password && credential(redis.password) }
          : STAND_IN.redis,
        discovery: settings,
        allEnvironments,
        transport
      }
      return wire(over(options, base), "environment", settings.warnings)
    })
  )
}

/**
 * {@link layer} from the environment variables (`.env.reference` lists them), or
 * {@link layerSingleTenant} where `MULTI_TENANT_ENABLED` is false. What is missing or does not
 * parse is one `ConfigError` that names all such variables.
 */
export const layerConfig: Layer.Layer<
  TenantDiscovery | TenantManager,
  TenantManagerError | ConfigError.ConfigError
> = layerConfigWith({})

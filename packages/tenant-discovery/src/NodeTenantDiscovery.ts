/**
 * The discovery wired for Node: the tenant manager over undici, the events over ioredis.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import { type Config, type ConfigError, Effect, Layer, Redacted, Schema } from "effect"
import { X509Certificate } from "node:crypto"
import { readFile } from "node:fs/promises"
import { certificates } from "./internal/config/certificate.js"
import * as Parse from "./internal/config/parse.js"
import { configError, invalid } from "./internal/config/read.js"
import * as Variables from "./internal/config/variables.js"
import { type Naming, warnings } from "./internal/config/warnings.js"
import { decodeClientOptions } from "./internal/http/defaults.js"
import { layerUndiciClient, type TransportOptions } from "./internal/http/undiciClient.js"
import { decodeOptions, parsed, withDefault } from "./internal/options.js"
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

const Options = Schema.Struct({
  allEnvironments: withDefault(Schema.Boolean, false),
  discovery: withDefault(
    Schema.Struct({ environment: Schema.optional(parsed(Schema.String, Parse.environment)) }),
    {}
  )
})

const OWNER = "NodeTenantDiscovery"

const hostsOf = (redis: NodeTenantDiscoveryOptions["redis"]) => {
  if ("host" in redis) return { hosts: [redis.host], tls: redis.tls }
  if ("cluster" in redis) return { hosts: redis.cluster.map(({ host }) => host), tls: redis.tls }
  return "sentinels" in redis
    ? { hosts: redis.sentinels.map(({ host }) => host), tls: redis.tls }
    : undefined
}

/** How messages name what they are about, and what to log at the start. */
interface Origin {
  readonly naming: Naming
  readonly warnings: ReadonlyArray<string>
}

const wire = (
  options: NodeTenantDiscoveryOptions,
  origin: Origin
): Layer.Layer<TenantDiscovery | TenantManager, TenantManagerError> => {
  const { redis, transport } = options
  const {
    allEnvironments,
    discovery: { environment }
  } = decodeOptions(OWNER, Options, options)
  if (options.channel === undefined && environment === undefined && !allEnvironments) {
    throw new RangeError(
      `${OWNER}: option "discovery.environment": expected the name of the environment, or the option "channel", or "allEnvironments: true"`
    )
  }
  const { url } = decodeClientOptions(options.tenantManager)
  const server = hostsOf(redis)
  const found = warnings({
    naming: origin.naming,
    url,
    redis: server && { hosts: server.hosts, tls: server.tls !== undefined && server.tls !== false },
    everyEnvironment: options.channel === undefined && environment === undefined,
    noProxy: transport?.proxy === undefined ? undefined : transport.noProxy
  })
  const events = layerRedis({
    ...options.events,
    redis,
    channel: options.channel ?? channelFor(environment)
  })
  const tenantManager = TenantManager.layer(options.tenantManager).pipe(
    Layer.provide(options.httpClient ?? layerUndiciClient(transport ?? {}))
  )
  const wired = TenantDiscovery.layer({ ...options.discovery, environment }).pipe(
    Layer.provide(events),
    Layer.provideMerge(tenantManager)
  )
  return Layer.unwrapEffect(
    Effect.as(
      Effect.forEach([...origin.warnings, ...found], (message) => Effect.logWarning(message), {
        discard: true
      }),
      wired
    )
  )
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
): Layer.Layer<TenantDiscovery | TenantManager, TenantManagerError> =>
  wire(options, { naming: "options", warnings: [] })

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
      listActiveTenants: Effect.succeed(TenantListing.of(tenants)),
      getConnections: () =>
        new TenantManagerNotFound({
          operation: "get connections",
          message: "single-tenant mode has no tenant manager and no connection settings"
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

/** A PEM block may hold anything: an error here is clearer than a handshake that fails. */
const checkCertificates = (
  variable: typeof Variables.redis.caCert,
  pem: string | undefined
): Effect.Effect<void, ConfigError.ConfigError> => {
  const blocks = certificates(pem ?? "")
  const bad = blocks.findIndex((block) => !isCertificate(block))
  if (bad === -1) return Effect.void
  const expected = `X.509 certificates: block ${bad + 1} of ${blocks.length} cannot be read as one`
  return Effect.fail(configError(invalid(variable, expected)))
}

/** A file is read at each use, since it may be rewritten. */
const credential = (secret: TenantDiscoveryConfig.Secret) =>
  Redacted.isRedacted(secret)
    ? secret
    : Effect.map(
        Effect.tryPromise(() => readFile(secret.file, "utf8")),
        Parse.secretOf
      )

const fromSettings = (
  settings: TenantDiscoveryConfig.MultiTenantSettings<unknown>,
  redis: NodeTenantDiscoveryOptions["redis"],
  options: LayerConfigOptions
) => {
  const { apiKey, transport, ...client } = settings.tenantManager
  return wire(
    {
      ...options,
      tenantManager: {
        ...options.tenantManager,
        ...client,
        service: settings.service,
        apiKey: credential(apiKey)
      },
      redis,
      events: {
        naming: options.redis === undefined ? "environment" : "options",
        ...options.events
      },
      allEnvironments: options.allEnvironments ?? settings.allEnvironments,
      discovery: {
        ...options.discovery,
        environment: options.discovery?.environment ?? settings.environment,
        reconcileInterval: options.discovery?.reconcileInterval ?? settings.reconcileInterval
      },
      transport
    },
    { naming: "environment", warnings: settings.warnings }
  )
}

/** {@link layerConfig}, with what a program gives besides its environment variables. */
export const layerConfigWith = (
  options: LayerConfigOptions
): Layer.Layer<TenantDiscovery | TenantManager, TenantManagerError | ConfigError.ConfigError> => {
  const environment =
    options.channel !== undefined ||
    options.allEnvironments === true ||
    options.discovery?.environment !== undefined
  const read = <Redis>(
    config: Config.Config<TenantDiscoveryConfig.Settings<Redis>>,
    redisOf: (redis: Redis) => NodeTenantDiscoveryOptions["redis"],
    caOf: (redis: Redis) => string | undefined
  ) =>
    Layer.unwrapEffect(
      Effect.gen(function* () {
        const settings = yield* config
        if (settings._tag === "SingleTenant") {
          return layerSingleTenant({ tenants: options.tenants, service: settings.service })
        }
        yield* checkCertificates(
          Variables.tenantManager.caCert,
          settings.tenantManager.transport.caCert
        )
        yield* checkCertificates(Variables.redis.caCert, caOf(settings.redis))
        return fromSettings(settings, redisOf(settings.redis), options)
      })
    )
  const { redis } = options
  return redis === undefined
    ? read(
        TenantDiscoveryConfig.configWith({ environment }),
        ({ password, ...others }) => ({ ...others, password: password && credential(password) }),
        ({ tls }) => (tls === false ? undefined : tls.ca)
      )
    : read(
        TenantDiscoveryConfig.configWithoutRedis({ environment }),
        () => redis,
        () => undefined
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

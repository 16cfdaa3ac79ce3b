/**
 * The environment variables that services set, as Effect `Config`s.
 *
 * Blank counts as unset, except for `MULTI_TENANT_API_PREFIX`, where empty means
 * no prefix. Errors name the variable and what was expected, all of them at
 * once, and never repeat a value: what does not parse may be a secret in the
 * wrong place.
 */
import { Config, type Duration, Either, type Redacted } from "effect"
import { isLoopback } from "./internal/config/host.js"
import {
  collect,
  invalid,
  read,
  type Result,
  single,
  type Texts,
  texts
} from "./internal/config/read.js"
import * as Variables from "./internal/config/variables.js"

/** One environment variable, for people. */
export interface VariableDescription {
  readonly name: string
  readonly group: string
  readonly type: string
  readonly default: string
  readonly meaning: string
  readonly example: string
}

/** Every environment variable that the library reads, in the order of `.env.reference`. */
export const variables: ReadonlyArray<VariableDescription> = Variables.all

/** How to reach the tenant manager. */
export interface TenantManagerSettings {
  /** Absolute, without credentials, query or fragment. */
  readonly url: URL
  readonly apiKey: Redacted.Redacted
  /** Empty, or with a slash at its start and none at its end. */
  readonly apiPrefix: string
  /** The limit of one call; more than zero. */
  readonly timeout: Duration.Duration
  /** Outages in a row that open the circuit breaker; 0: there is none. */
  readonly circuitBreakerThreshold: number
  readonly circuitBreakerTimeout: Duration.Duration
  readonly allowInsecureHttp: boolean
}

/** How to reach the Redis that carries the events. */
export interface RedisSettings {
  /** A name or an address; IPv6 without brackets. */
  readonly host: string
  readonly port: number
  readonly username: string | undefined
  readonly password: Redacted.Redacted | undefined
  /** `ca`: PEM, one certificate or more; the only roots trusted when given. */
  readonly tls: false | { readonly ca: string | undefined }
}

/** `MULTI_TENANT_ENABLED` is false: nothing else was required or validated. */
export interface SingleTenantSettings {
  readonly _tag: "SingleTenant"
  /** The service's name, where it happens to be set. */
  readonly service: string | undefined
}

/** `Redis` is `undefined` where the program brings its own connection. */
export interface MultiTenantSettings<out Redis = RedisSettings> {
  readonly _tag: "MultiTenant"
  readonly service: string
  /** Trimmed and lower-cased; `undefined` where none is set. */
  readonly environment: string | undefined
  readonly tenantManager: TenantManagerSettings
  readonly redis: Redis
  /** Zero: no re-list while all is well. */
  readonly reconcileInterval: Duration.Duration
  readonly connectionsCacheTtl: Duration.Duration
  readonly maxTenantPools: number
  readonly idleTimeout: Duration.Duration
}

export type Settings<Redis = RedisSettings> = SingleTenantSettings | MultiTenantSettings<Redis>

const DEFAULT_REDIS_PORT = 6379

const service = (texts: Texts): Result<string> =>
  Either.flatMap(read(texts, Variables.serviceName), (name) =>
    name === undefined ? read(texts, Variables.applicationName) : Either.right(name)
  )

const environment = (texts: Texts): Result<string | undefined> =>
  Either.flatMap(read(texts, Variables.environmentName), (name) =>
    name === undefined ? read(texts, Variables.envName) : Either.right(name)
  )

const url = (texts: Texts, allowInsecureHttp: Result<boolean>): Result<URL> =>
  Either.filterOrLeft(
    read(texts, Variables.url),
    (url) =>
      url.protocol === "https:" ||
      isLoopback(url.hostname) ||
      // Where the opt-in itself is wrong, that is the error to tell.
      Either.getOrElse(allowInsecureHttp, () => true),
    () =>
      invalid(
        Variables.url,
        `https; http to a host that is not loopback needs ${Variables.allowInsecureHttp.name}=true`
      )
  )

const tenantManager = (texts: Texts): Result<TenantManagerSettings> => {
  const allowInsecureHttp = read(texts, Variables.allowInsecureHttp)
  return collect({
    url: url(texts, allowInsecureHttp),
    allowInsecureHttp,
    apiKey: read(texts, Variables.apiKey),
    apiPrefix: read(texts, Variables.apiPrefix),
    timeout: read(texts, Variables.timeout),
    circuitBreakerThreshold: read(texts, Variables.circuitBreakerThreshold),
    circuitBreakerTimeout: read(texts, Variables.circuitBreakerTimeout)
  })
}

const redisEndpoint = (texts: Texts): Result<{ readonly host: string; readonly port: number }> =>
  Either.flatMap(
    collect({ given: read(texts, Variables.redisHost), port: read(texts, Variables.redisPort) }),
    ({ given, port }): Result<{ readonly host: string; readonly port: number }> =>
      given.port !== undefined && port !== undefined && given.port !== port
        ? Either.left(
            invalid(
              Variables.redisHost,
              `one port: this variable says ${given.port}, ${Variables.redisPort.name} says ${port}; ` +
                "give it in one of the two"
            )
          )
        : Either.right({ host: given.host, port: port ?? given.port ?? DEFAULT_REDIS_PORT })
  )

const redisTls = (texts: Texts): Result<RedisSettings["tls"]> =>
  Either.flatMap(read(texts, Variables.redisTls), (said): Result<RedisSettings["tls"]> => {
    // A host that is missing or wrong is told by the endpoint; a certificate
    // that is wrong is to be told in the same go.
    const loopback = Either.match(read(texts, Variables.redisHost), {
      onLeft: () => false,
      onRight: ({ host }) => isLoopback(host)
    })
    return (said ?? !loopback)
      ? Either.map(read(texts, Variables.redisCaCert), (ca) => ({ ca }))
      : Either.right(false)
  })

const redis = (texts: Texts): Result<RedisSettings> =>
  Either.map(
    collect({
      endpoint: redisEndpoint(texts),
      username: read(texts, Variables.redisUsername),
      password: read(texts, Variables.redisPassword),
      tls: redisTls(texts)
    }),
    ({ endpoint, ...others }) => ({ ...endpoint, ...others })
  )

const multiTenant = <Redis>(
  texts: Texts,
  redis: (texts: Texts) => Result<Redis>
): Result<MultiTenantSettings<Redis>> =>
  Either.map(
    collect({
      service: service(texts),
      environment: environment(texts),
      tenantManager: tenantManager(texts),
      redis: redis(texts),
      reconcileInterval: read(texts, Variables.reconcileInterval),
      connectionsCacheTtl: read(texts, Variables.cacheTtl),
      maxTenantPools: read(texts, Variables.maxTenantPools),
      idleTimeout: read(texts, Variables.idleTimeout)
    }),
    (settings) => ({ _tag: "MultiTenant", ...settings })
  )

const make = <Redis>(redis: (texts: Texts) => Result<Redis>): Config.Config<Settings<Redis>> =>
  Config.mapOrFail(texts, (texts) =>
    Either.flatMap(read(texts, Variables.enabled), (enabled): Result<Settings<Redis>> =>
      enabled === false
        ? Either.right({
            _tag: "SingleTenant",
            service: Either.getOrElse(service(texts), () => undefined)
          })
        : multiTenant(texts, redis)
    )
  )

/**
 * Everything from the environment. `MULTI_TENANT_ENABLED` false is single-tenant
 * mode, in which nothing else is required or validated; true or unset requires
 * `APPLICATION_NAME` (or `MULTI_TENANT_SERVICE_NAME`), `MULTI_TENANT_URL`,
 * `MULTI_TENANT_SERVICE_API_KEY` and `MULTI_TENANT_REDIS_HOST`.
 */
export const config: Config.Config<Settings> = make(redis)

/**
 * The same for a program that brings its own connection to Redis: no
 * `MULTI_TENANT_REDIS_` variable is required or validated.
 */
export const configWithoutRedis: Config.Config<Settings<undefined>> = make(() =>
  Either.right(undefined)
)

/** `MULTI_TENANT_CACHE_TTL_SEC`, default 12 hours: how long connection settings are kept. */
export const connectionsCacheTtl: Config.Config<Duration.Duration> = single(Variables.cacheTtl)

/** `MULTI_TENANT_MAX_TENANT_POOLS`, default 100, at least 1: tenants that may hold resources at once. */
export const maxTenantPools: Config.Config<number> = single(Variables.maxTenantPools)

/** `MULTI_TENANT_IDLE_TIMEOUT_SEC`, default 5 minutes: when an unused tenant's resources are released. */
export const idleTimeout: Config.Config<Duration.Duration> = single(Variables.idleTimeout)

/**
 * The environment variables that services set, as Effect `Config`s. `.env.reference` lists them.
 *
 * Blank counts as unset, except for `MULTI_TENANT_API_PREFIX`, where empty means no prefix. An
 * error names each variable that is missing or wrong and what was expected, all at once, and
 * never repeats a value.
 */
import { Config, type Duration, Either, type Redacted } from "effect"
import { isLoopback } from "./internal/config/host.js"
import {
  collect,
  configError,
  invalid,
  read,
  readSecret,
  type Result,
  type Secret,
  secretWarnings,
  single,
  type Texts,
  texts
} from "./internal/config/read.js"
import * as Variables from "./internal/config/variables.js"

export type { Secret }

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
  /** Absolute, without credentials, query, fragment, or a slash at the end of its path. */
  readonly url: URL
  readonly apiKey: Secret
  /** Empty, or with a slash at its start and none at its end. */
  readonly apiPrefix: string
  /** The limit of one call; more than zero. */
  readonly timeout: Duration.Duration
  readonly circuitBreaker: {
    /** Outages in a row that open a circuit breaker; 0: there is none. */
    readonly threshold: number
    readonly resetAfter: Duration.Duration
  }
  readonly allowInsecureHttp: boolean
  readonly transport: {
    /** PEM: the only trusted roots when given. */
    readonly caCert: string | undefined
    /** The proxy for the URL's scheme. */
    readonly proxy: Redacted.Redacted | undefined
    /** Hosts that are reached without the proxy, separated by commas. */
    readonly noProxy: string | undefined
  }
}

export interface HostAndPort {
  /** A name or an address; IPv6 without brackets. */
  readonly host: string
  readonly port: number
}

interface RedisLogin {
  readonly username: string | undefined
  readonly password: Secret | undefined
  /** `ca`: PEM, one certificate or more; the only roots trusted when given. */
  readonly tls: false | { readonly ca: string | undefined }
}

/** A host, sentinels with the name of the master, or nodes of a cluster. */
export type RedisAddress =
  | HostAndPort
  | {
      readonly sentinels: ReadonlyArray<HostAndPort>
      readonly name: string
      readonly sentinelPassword: Redacted.Redacted | undefined
    }
  | { readonly cluster: ReadonlyArray<HostAndPort> }

/** How to reach the Redis that carries the events. */
export type RedisSettings = RedisLogin & RedisAddress

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
  /** In lower case; `undefined` where none is set and none is required. */
  readonly environment: string | undefined
  readonly allEnvironments: boolean
  readonly tenantManager: TenantManagerSettings
  readonly redis: Redis
  /** Zero: no relist while all is well. */
  readonly reconcileInterval: Duration.Duration
  readonly connectionsCacheTtl: Duration.Duration
  /** Zero: settings in use are not read again. */
  readonly connectionsCheckInterval: Duration.Duration
  /** 0: no limit. */
  readonly maxTenantPools: number
  /** Zero: never. */
  readonly idleTimeout: Duration.Duration
  /** What is accepted but probably a mistake, to be logged at the start. No secret is in it. */
  readonly warnings: ReadonlyArray<string>
}

export type Settings<Redis = RedisSettings> = SingleTenantSettings | MultiTenantSettings<Redis>

const DEFAULT_REDIS_PORT = 6379

/** What the first of two variables says, or else the second. */
const firstOf = <A>(first: Result<A | undefined>, second: () => Result<A>): Result<A> =>
  Either.flatMap(first, (value) => (value === undefined ? second() : Either.right(value)))

const service = (texts: Texts): Result<string> =>
  firstOf(read(texts, Variables.service.name), () => read(texts, Variables.service.application))

const environment = (texts: Texts, isRequired: boolean): Result<string | undefined> => {
  const { name } = Variables.service.environmentName
  return texts.has(name)
    ? read(texts, Variables.service.environmentName)
    : firstOf<string | undefined>(read(texts, Variables.service.envName), () =>
        // Where the opt-in itself is wrong, that alone is reported.
        isRequired && !Either.getOrElse(read(texts, Variables.service.allEnvironments), () => true)
          ? read(texts, Variables.service.environmentName)
          : Either.right(undefined)
      )
}

const url = (texts: Texts, allowInsecureHttp: Result<boolean>): Result<URL> =>
  Either.filterOrLeft(
    read(texts, Variables.tenantManager.url),
    (url) =>
      url.protocol === "https:" ||
      isLoopback(url.hostname) ||
      // Where the opt-in itself is wrong, that alone is reported.
      Either.getOrElse(allowInsecureHttp, () => true),
    () =>
      invalid(
        Variables.tenantManager.url,
        `https; http to a host that is not loopback needs ${Variables.tenantManager.allowInsecureHttp.name}=true`
      )
  )

const tenantManager = (texts: Texts): Result<TenantManagerSettings> => {
  const variables = Variables.tenantManager
  const allowInsecureHttp = read(texts, variables.allowInsecureHttp)
  const proxies = collect({
    "http:": read(texts, variables.httpProxy),
    "https:": read(texts, variables.httpsProxy)
  })
  const base = url(texts, allowInsecureHttp)
  return Either.map(
    collect({
      url: base,
      allowInsecureHttp,
      apiKey: readSecret(texts, variables.apiKey),
      apiPrefix: read(texts, variables.apiPrefix),
      timeout: read(texts, variables.timeout),
      threshold: read(texts, variables.breakerThreshold),
      resetAfter: read(texts, variables.breakerTimeout),
      caCert: read(texts, variables.caCert),
      proxies,
      noProxy: read(texts, variables.noProxy)
    }),
    ({ caCert, noProxy, proxies, resetAfter, threshold, ...others }) => ({
      ...others,
      circuitBreaker: { threshold, resetAfter },
      transport: {
        caCert,
        proxy: proxies[others.url.protocol === "https:" ? "https:" : "http:"],
        noProxy
      }
    })
  )
}

const oneHost = (texts: Texts): Result<HostAndPort> =>
  Either.flatMap(
    collect({ given: read(texts, Variables.redis.host), port: read(texts, Variables.redis.port) }),
    ({ given, port }): Result<HostAndPort> =>
      given.port !== undefined && port !== undefined && given.port !== port
        ? Either.left(
            invalid(
              Variables.redis.host,
              `one port: this variable says ${given.port}, ${Variables.redis.port.name} says ${port}; ` +
                "set it in one of the two"
            )
          )
        : Either.right({ host: given.host, port: port ?? given.port ?? DEFAULT_REDIS_PORT })
  )

const redisAddress = (texts: Texts): Result<RedisAddress> => {
  const { clusterNodes, host, sentinelName, sentinels } = Variables.redis
  const [first, second] = [host, sentinels, clusterNodes].filter(({ name }) => texts.has(name))
  if (first !== undefined && second !== undefined) {
    return Either.left(invalid(second, `that only one of it and ${first.name} is set`))
  }
  if (texts.has(sentinels.name)) {
    return collect({
      sentinels: Either.map(read(texts, sentinels), (hosts) => hosts ?? []),
      name: firstOf(read(texts, sentinelName), () =>
        Either.left(invalid(sentinelName, "the name of the master that the sentinels know"))
      ),
      sentinelPassword: read(texts, Variables.redis.sentinelPassword)
    })
  }
  return texts.has(clusterNodes.name)
    ? collect({ cluster: Either.map(read(texts, clusterNodes), (hosts) => hosts ?? []) })
    : oneHost(texts)
}

const hostsOf = (address: RedisAddress): ReadonlyArray<HostAndPort> =>
  "host" in address ? [address] : "cluster" in address ? address.cluster : address.sentinels

const redisTls = (texts: Texts, address: Result<RedisAddress>): Result<RedisLogin["tls"]> =>
  Either.flatMap(read(texts, Variables.redis.tls), (given): Result<RedisLogin["tls"]> => {
    // With an address that is wrong, a certificate that is wrong is still reported.
    const isLocal = Either.match(address, {
      onLeft: () => false,
      onRight: (it) => hostsOf(it).every(({ host }) => isLoopback(host))
    })
    return (given ?? !isLocal)
      ? Either.map(read(texts, Variables.redis.caCert), (ca) => ({ ca }))
      : Either.right(false)
  })

const redis = (texts: Texts): Result<RedisSettings> => {
  const address = redisAddress(texts)
  return Either.map(
    collect({
      address,
      username: read(texts, Variables.redis.username),
      password: readSecret(texts, Variables.redis.password),
      tls: redisTls(texts, address)
    }),
    ({ address, ...login }) => ({ ...address, ...login })
  )
}

/** What the program gives, so that no variable has to. */
export interface Given {
  /** The environment, a channel, or the wish for all environments. Default: `false`. */
  readonly environment?: boolean | undefined
}

const make = <Redis>(
  redis: (texts: Texts) => Result<Redis>,
  given: Given
): Config.Config<Settings<Redis>> => {
  const multiTenant = (texts: Texts): Result<Settings<Redis>> =>
    Either.map(
      collect({
        service: service(texts),
        environment: environment(texts, given.environment !== true),
        allEnvironments: read(texts, Variables.service.allEnvironments),
        tenantManager: tenantManager(texts),
        redis: redis(texts),
        reconcileInterval: read(texts, Variables.reconcileInterval),
        connectionsCacheTtl: read(texts, Variables.resources.cacheTtl),
        connectionsCheckInterval: read(texts, Variables.resources.checkInterval),
        maxTenantPools: read(texts, Variables.resources.maxTenantPools),
        idleTimeout: read(texts, Variables.resources.idleTimeout)
      }),
      (settings) => ({ _tag: "MultiTenant", ...settings, warnings: secretWarnings(texts) })
    )
  return Config.mapOrFail(texts, (texts) =>
    Either.flatMap(read(texts, Variables.enabled), (enabled): Result<Settings<Redis>> =>
      enabled === false
        ? Either.right({
            _tag: "SingleTenant",
            service: Either.getOrElse(service(texts), () => undefined)
          })
        : multiTenant(texts)
    ).pipe(Either.mapLeft(configError))
  )
}

/** {@link config} for a program that gives some of it itself. */
export const configWith = (given: Given): Config.Config<Settings> => make(redis, given)

/**
 * The same for a program that brings its own connection to Redis: no `MULTI_TENANT_REDIS_`
 * variable is required or validated.
 */
export const configWithoutRedis = (given: Given): Config.Config<Settings<undefined>> =>
  make(() => Either.right(undefined), given)

/**
 * Everything from the environment. With `MULTI_TENANT_ENABLED` false nothing else is required or
 * validated; otherwise the name of the service, the environment, the tenant manager's URL and API
 * key and the address of Redis are required.
 */
export const config: Config.Config<Settings> = configWith({})

/** `MULTI_TENANT_CACHE_TTL_SEC`, default 2 minutes: how long connection settings count as fresh. */
export const connectionsCacheTtl: Config.Config<Duration.Duration> = single(
  Variables.resources.cacheTtl
)

/** `MULTI_TENANT_CONNECTIONS_CHECK_INTERVAL_SEC`, default 30 s, zero is off: how often settings in use are read again. */
export const connectionsCheckInterval: Config.Config<Duration.Duration> = single(
  Variables.resources.checkInterval
)

/** `MULTI_TENANT_MAX_TENANT_POOLS`, default 100, 0 is no limit: tenants that may hold resources at once. */
export const maxTenantPools: Config.Config<number> = single(Variables.resources.maxTenantPools)

/** `MULTI_TENANT_IDLE_TIMEOUT_SEC`, default 5 minutes, zero is never: when an unused tenant's resources are released. */
export const idleTimeout: Config.Config<Duration.Duration> = single(Variables.resources.idleTimeout)

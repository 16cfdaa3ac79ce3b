/**
 * The environment variables that services set, as Effect `Config`s. `.env.reference` lists them.
 *
 * Blank counts as unset, except for `MULTI_TENANT_API_PREFIX`, where empty means no prefix. An
 * error names each variable that is missing or wrong and what was expected, all at once, and
 * never repeats a value.
 */
import { type Config, type Duration, Either, type Redacted } from "effect"
import { type HostAndPort, hostsOf, isLoopback } from "./internal/config/host.js"
import {
  collect,
  decoded,
  firstOf,
  invalid,
  read,
  readSecret,
  type Result,
  type Secret,
  secretWarnings,
  single,
  type Texts
} from "./internal/config/read.js"

export type { HostAndPort, Secret }

const service = (texts: Texts): Result<string> =>
  firstOf(read(texts, "MULTI_TENANT_SERVICE_NAME"), () => read(texts, "APPLICATION_NAME"))

/** Whether an opt-in is given. Where the variable is invalid, that alone is reported. */
const allows = (
  texts: Texts,
  name: "MULTI_TENANT_ALL_ENVIRONMENTS" | "MULTI_TENANT_ALLOW_INSECURE_HTTP"
): boolean => Either.getOrElse(read(texts, name), () => true)

const environment = (texts: Texts, isRequired: boolean): Result<string | undefined> =>
  texts.has("ENVIRONMENT_NAME") ||
  (isRequired && !texts.has("ENV_NAME") && !allows(texts, "MULTI_TENANT_ALL_ENVIRONMENTS"))
    ? read(texts, "ENVIRONMENT_NAME")
    : read(texts, "ENV_NAME")

const url = (texts: Texts): Result<URL> =>
  Either.flatMap(read(texts, "MULTI_TENANT_URL"), (url) =>
    url.protocol === "https:" ||
    isLoopback(url.hostname) ||
    allows(texts, "MULTI_TENANT_ALLOW_INSECURE_HTTP")
      ? Either.right(url)
      : invalid(
          "MULTI_TENANT_URL",
          "https; http to a host that is not loopback needs MULTI_TENANT_ALLOW_INSECURE_HTTP=true"
        )
  )

/** The proxy for the URL's scheme. The variables of the other scheme are not validated. */
const proxy = (texts: Texts) =>
  /^\s*http:/i.test(texts.get("MULTI_TENANT_URL") ?? "")
    ? firstOf(read(texts, "http_proxy"), () => read(texts, "HTTP_PROXY"))
    : firstOf(read(texts, "https_proxy"), () => read(texts, "HTTPS_PROXY"))

const tenantManager = (texts: Texts) =>
  collect({
    url: url(texts),
    allowInsecureHttp: read(texts, "MULTI_TENANT_ALLOW_INSECURE_HTTP"),
    apiKey: readSecret(texts, "MULTI_TENANT_SERVICE_API_KEY"),
    apiPrefix: read(texts, "MULTI_TENANT_API_PREFIX"),
    timeout: read(texts, "MULTI_TENANT_TIMEOUT"),
    circuitBreaker: collect({
      threshold: read(texts, "MULTI_TENANT_CIRCUIT_BREAKER_THRESHOLD"),
      resetAfter: read(texts, "MULTI_TENANT_CIRCUIT_BREAKER_TIMEOUT_SEC")
    }),
    transport: collect({
      caCert: read(texts, "MULTI_TENANT_CA_CERT"),
      proxy: proxy(texts),
      noProxy: firstOf(read(texts, "no_proxy"), () => read(texts, "NO_PROXY"))
    })
  })

/**
 * How to reach the tenant manager.
 *
 * - `url`: absolute, without credentials, query, fragment, or a slash at the end of its path.
 * - `apiPrefix`: empty, or with a slash at its start and none at its end.
 * - `timeout`: the limit of one call; more than zero.
 * - `circuitBreaker.threshold`: outages in a row that open a circuit breaker; 0: there is none.
 * - `transport.caCert`: PEM, the only trusted roots when given.
 * - `transport.proxy`: the proxy for the URL's scheme.
 * - `transport.noProxy`: hosts that are reached without the proxy, separated by commas.
 */
export type TenantManagerSettings = Either.Either.Right<ReturnType<typeof tenantManager>>

const oneHost = (texts: Texts): Result<HostAndPort> =>
  Either.flatMap(
    collect({
      given: read(texts, "MULTI_TENANT_REDIS_HOST"),
      port: read(texts, "MULTI_TENANT_REDIS_PORT")
    }),
    ({ given, port = given.port ?? 6379 }) =>
      port === (given.port ?? port)
        ? Either.right({ host: given.host, port })
        : invalid(
            "MULTI_TENANT_REDIS_HOST",
            `one port: this variable says ${given.port}, MULTI_TENANT_REDIS_PORT says ${port}; set it in one of the two`
          )
  )

/** A host, sentinels with the name of the master, or nodes of a cluster. */
export type RedisAddress =
  | HostAndPort
  | {
      readonly sentinels: ReadonlyArray<HostAndPort>
      readonly name: string
      readonly sentinelPassword: Redacted.Redacted | undefined
    }
  | { readonly cluster: ReadonlyArray<HostAndPort> }

const redisAddress = (texts: Texts): Result<RedisAddress> => {
  const [first, second] = (
    [
      "MULTI_TENANT_REDIS_HOST",
      "MULTI_TENANT_REDIS_SENTINELS",
      "MULTI_TENANT_REDIS_CLUSTER_NODES"
    ] as const
  ).filter((name) => texts.has(name))
  if (second !== undefined) return invalid(second, `that only one of it and ${first} is set`)
  if (first === "MULTI_TENANT_REDIS_SENTINELS") {
    return collect({
      sentinels: Either.map(read(texts, first), (hosts = []) => hosts),
      name: read(texts, "MULTI_TENANT_REDIS_SENTINEL_NAME"),
      sentinelPassword: read(texts, "MULTI_TENANT_REDIS_SENTINEL_PASSWORD")
    })
  }
  return first === "MULTI_TENANT_REDIS_CLUSTER_NODES"
    ? collect({ cluster: Either.map(read(texts, first), (hosts = []) => hosts) })
    : oneHost(texts)
}

type Tls = false | { readonly ca: string | undefined }

const redis = (texts: Texts) => {
  const address = redisAddress(texts)
  // An invalid certificate is reported even when the address is invalid too.
  const isLocal = Either.isRight(address) && hostsOf(address.right).every(isLoopback)
  return Either.map(
    collect({
      address,
      username: read(texts, "MULTI_TENANT_REDIS_USERNAME"),
      password: readSecret(texts, "MULTI_TENANT_REDIS_PASSWORD"),
      tls: Either.flatMap(read(texts, "MULTI_TENANT_REDIS_TLS"), (isOn = !isLocal): Result<Tls> =>
        isOn ? collect({ ca: read(texts, "MULTI_TENANT_REDIS_CA_CERT") }) : Either.right(false)
      )
    }),
    ({ address, ...login }) => ({ ...address, ...login })
  )
}

/**
 * How to reach the Redis that carries the events: the address, `username`, `password` and `tls`.
 * `tls.ca`: PEM, one certificate or more; the only roots trusted when given.
 */
export type RedisSettings = Either.Either.Right<ReturnType<typeof redis>>

/** What the program gives, so that no variable has to. */
export interface Given {
  /** The environment, a channel, or the option for all environments. Default: `false`. */
  readonly environment?: boolean | undefined
  /** A connection to Redis: no `MULTI_TENANT_REDIS_` variable is validated. Default: `false`. */
  readonly redis?: boolean | undefined
}

const multiTenant = (texts: Texts, given: Given) =>
  Either.map(
    collect({
      service: service(texts),
      environment: environment(texts, given.environment !== true),
      allEnvironments: read(texts, "MULTI_TENANT_ALL_ENVIRONMENTS"),
      tenantManager: tenantManager(texts),
      redis: given.redis === true ? Either.right(undefined) : redis(texts),
      reconcileInterval: read(texts, "MULTI_TENANT_RECONCILE_INTERVAL_SEC"),
      connectionsCacheTtl: read(texts, "MULTI_TENANT_CACHE_TTL_SEC"),
      connectionsCheckInterval: read(texts, "MULTI_TENANT_CONNECTIONS_CHECK_INTERVAL_SEC"),
      maxTenantPools: read(texts, "MULTI_TENANT_MAX_TENANT_POOLS"),
      idleTimeout: read(texts, "MULTI_TENANT_IDLE_TIMEOUT_SEC")
    }),
    (settings) => ({
      _tag: "MultiTenant" as const,
      ...settings,
      warnings: secretWarnings(texts)
    })
  )

/**
 * The settings of a program with many tenants.
 *
 * - `environment`: in lower case; `undefined` where none is set and none is required.
 * - `redis`: `undefined` where the program gives its own connection.
 * - `reconcileInterval`: zero: no relist while all is well.
 * - `connectionsCheckInterval`: zero: settings in use are not read again.
 * - `maxTenantPools`: 0: no limit.
 * - `idleTimeout`: zero: never.
 * - `warnings`: what is accepted but probably a mistake, logged at the start. No secret is in it.
 */
export type MultiTenantSettings = Either.Either.Right<ReturnType<typeof multiTenant>>

/** `MULTI_TENANT_ENABLED` is false: nothing else was required or validated. */
export interface SingleTenantSettings {
  readonly _tag: "SingleTenant"
  /** The service's name, where it happens to be set. */
  readonly service: string | undefined
}

export type Settings = SingleTenantSettings | MultiTenantSettings

/** {@link config} for a program that gives some of it itself. */
export const configWith = (given: Given): Config.Config<Settings> =>
  decoded((texts) =>
    Either.flatMap(read(texts, "MULTI_TENANT_ENABLED"), (enabled): Result<Settings> =>
      enabled === false
        ? Either.right({
            _tag: "SingleTenant",
            service: Either.getOrElse(service(texts), () => undefined)
          })
        : multiTenant(texts, given)
    )
  )

/**
 * Everything from the environment. With `MULTI_TENANT_ENABLED` false nothing else is required or
 * validated; otherwise the name of the service, the environment, the tenant manager's URL and API
 * key and the address of Redis are required.
 */
export const config: Config.Config<Settings> = configWith({})

/** `MULTI_TENANT_CACHE_TTL_SEC`, default 2 minutes: how long connection settings count as fresh. */
export const connectionsCacheTtl: Config.Config<Duration.Duration> = single(
  "MULTI_TENANT_CACHE_TTL_SEC"
)

/** `MULTI_TENANT_CONNECTIONS_CHECK_INTERVAL_SEC`, default 30 s, zero is off: how often settings in use are read again. */
export const connectionsCheckInterval: Config.Config<Duration.Duration> = single(
  "MULTI_TENANT_CONNECTIONS_CHECK_INTERVAL_SEC"
)

/** `MULTI_TENANT_MAX_TENANT_POOLS`, default 100, 0 is no limit: tenants that may hold resources at once. */
export const maxTenantPools: Config.Config<number> = single("MULTI_TENANT_MAX_TENANT_POOLS")

/** `MULTI_TENANT_IDLE_TIMEOUT_SEC`, default 5 minutes, zero is never: when an unused tenant's resources are released. */
export const idleTimeout: Config.Config<Duration.Duration> = single("MULTI_TENANT_IDLE_TIMEOUT_SEC")

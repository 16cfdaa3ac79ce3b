/**
 * All environment variables in one table: meaning, type, default, and the parser of the text.
 * `.env.reference` is this table in writing; nothing else in the library names a variable to read.
 */
import { caCertificates } from "./certificate.js"
import { hostAndPort, hostList } from "./host.js"
import * as Parse from "./parse.js"
import { optional, required, type Variable, withDefault, withFile } from "./variable.js"

const BOOL = "bool (true false t f 1 0 yes no on off, any case)"
const SECONDS = "seconds (decimals allowed)"
const NAME = "name (no white space, control characters or quotes)"
const PEM = "base64 of PEM, or PEM itself"
const HOSTS = "host:port,..."

export const enabled = optional("MULTI_TENANT_ENABLED", Parse.bool, {
  type: BOOL,
  default: "unset, which counts as true",
  meaning:
    "false: single-tenant mode, no network use at all, and nothing else here is required or checked. " +
    "true or unset: every required variable must be set.",
  example: "false"
})

export const applicationName = required(
  "APPLICATION_NAME",
  Parse.name,
  "the name of the service, here or in MULTI_TENANT_SERVICE_NAME",
  { type: NAME, meaning: "The service whose tenants are listed.", example: "ledger" }
)

export const serviceName = optional("MULTI_TENANT_SERVICE_NAME", Parse.name, {
  type: NAME,
  meaning: "The service whose tenants are listed; it wins over APPLICATION_NAME.",
  example: "ledger"
})

export const environmentName = required(
  "ENVIRONMENT_NAME",
  Parse.environment,
  "the name of the environment, here or in ENV_NAME, or MULTI_TENANT_ALL_ENVIRONMENTS=true",
  {
    type: NAME,
    default: "ENV_NAME; one of the two is required",
    meaning:
      "The environment, trimmed and lower-cased. It picks the channel that is subscribed to, " +
      "tenant-events:{environment}:, and events of another environment are dropped.",
    example: "production"
  }
)

export const envName = optional("ENV_NAME", Parse.environment, {
  type: NAME,
  meaning: "The environment where ENVIRONMENT_NAME is unset.",
  example: "production"
})

export const allEnvironments = withDefault("MULTI_TENANT_ALL_ENVIRONMENTS", Parse.bool, {
  type: BOOL,
  default: "false",
  meaning:
    "true: no environment is required, and without one the events of all environments are " +
    "received (tenant-events:*), with one warning.",
  example: "true"
})

export const url = required(
  "MULTI_TENANT_URL",
  Parse.baseUrl,
  "the tenant manager's base URL, such as https://tenant-manager.example",
  {
    type: "URL",
    meaning:
      "The tenant manager's base URL: absolute, https, with a path where it has one; " +
      "no credentials, query or fragment.",
    example: "https://tenant-manager.example"
  }
)

export const allowInsecureHttp = withDefault("MULTI_TENANT_ALLOW_INSECURE_HTTP", Parse.bool, {
  type: BOOL,
  default: "false",
  meaning:
    "true: MULTI_TENANT_URL may be http to any host, with one warning. " +
    "A loopback host (localhost, 127.0.0.0/8, ::1) needs no opt-in.",
  example: "true"
})

export const apiKey = withFile(
  required(
    "MULTI_TENANT_SERVICE_API_KEY",
    Parse.headerSecret,
    "the service's API key for the tenant manager, here or in MULTI_TENANT_SERVICE_API_KEY_FILE",
    {
      type: "secret",
      meaning: "The service's key, sent to the tenant manager with every call.",
      example: "change-me"
    }
  ),
  "/run/secrets/tenant-manager-key"
)

export const apiPrefix = withDefault("MULTI_TENANT_API_PREFIX", Parse.apiPrefix, {
  type: "text (a URL path; empty is a value)",
  default: "/v1",
  emptyIsValue: true,
  meaning: "What comes before /tenants/... in the tenant manager's paths; empty for old servers.",
  example: "/v1"
})

export const timeout = withDefault("MULTI_TENANT_TIMEOUT", Parse.positiveSeconds, {
  type: `${SECONDS}, greater than 0`,
  default: "30",
  meaning: "The limit of one HTTP call.",
  example: "30"
})

export const breakerThreshold = withDefault("MULTI_TENANT_CIRCUIT_BREAKER_THRESHOLD", Parse.count, {
  type: "count",
  default: "5",
  meaning: "How many outages in a row open a circuit breaker; 0 turns it off.",
  example: "5"
})

export const breakerTimeout = withDefault(
  "MULTI_TENANT_CIRCUIT_BREAKER_TIMEOUT_SEC",
  Parse.nonNegativeSeconds,
  {
    type: SECONDS,
    default: "30",
    meaning: "How long an open circuit breaker waits before it admits one probe call.",
    example: "30"
  }
)

export const caCert = optional("MULTI_TENANT_CA_CERT", caCertificates, {
  type: PEM,
  default: "none: the roots that Node trusts",
  meaning: "The only roots trusted for the tenant manager when given.",
  example: "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t..."
})

const PROXY = "The proxy for a tenant manager whose URL begins with"

export const httpProxy = optional("HTTP_PROXY", Parse.proxyUrl, {
  type: "URL (http or https; may hold a password)",
  isSecret: true,
  meaning: `${PROXY} http:.`,
  example: "http://proxy.example:3128"
})

export const httpsProxy = optional("HTTPS_PROXY", Parse.proxyUrl, {
  type: "URL (http or https; may hold a password)",
  isSecret: true,
  meaning: `${PROXY} https:.`,
  example: "http://proxy.example:3128"
})

export const noProxy = optional("NO_PROXY", Parse.text, {
  type: "hosts, separated by commas",
  meaning:
    "Hosts that are reached without the proxy, with their subdomains; host:port for one port, " +
    "* for all. Networks such as 10.0.0.0/8 are not supported.",
  example: "localhost,.svc.cluster.local"
})

export const redisHost = required(
  "MULTI_TENANT_REDIS_HOST",
  hostAndPort,
  "the host of the Redis that carries the tenant events, or " +
    "MULTI_TENANT_REDIS_SENTINELS, or MULTI_TENANT_REDIS_CLUSTER_NODES",
  {
    type: "text",
    default: "none: required, unless sentinels, cluster nodes or single-tenant mode are set",
    meaning:
      "The host of the Redis that carries the tenant events. host:port and [::1]:port are " +
      "accepted; a port here must not differ from MULTI_TENANT_REDIS_PORT.",
    example: "redis.example"
  }
)

export const redisPort = optional("MULTI_TENANT_REDIS_PORT", Parse.port, {
  type: "port (1 to 65535)",
  default: "6379, or the port in MULTI_TENANT_REDIS_HOST",
  meaning: "The port of that Redis.",
  example: "6379"
})

export const redisSentinels = optional("MULTI_TENANT_REDIS_SENTINELS", hostList(26_379), {
  type: HOSTS,
  meaning: "Sentinels in place of a host, tried in rotation. A port left out is 26379.",
  example: "sentinel-1.example:26379,sentinel-2.example:26379"
})

export const redisSentinelName = optional("MULTI_TENANT_REDIS_SENTINEL_NAME", Parse.name, {
  type: NAME,
  default: "none: required with MULTI_TENANT_REDIS_SENTINELS",
  meaning: "The name under which the sentinels know the master.",
  example: "mymaster"
})

export const redisSentinelPassword = optional(
  "MULTI_TENANT_REDIS_SENTINEL_PASSWORD",
  Parse.secret,
  {
    type: "secret",
    isSecret: true,
    meaning: "The password of the sentinels.",
    example: "change-me"
  }
)

export const redisClusterNodes = optional("MULTI_TENANT_REDIS_CLUSTER_NODES", hostList(6379), {
  type: HOSTS,
  meaning:
    "Nodes of a Redis Cluster in place of a host, tried in rotation. A port left out is 6379.",
  example: "redis-1.example:6379,redis-2.example:6379"
})

export const redisUsername = optional("MULTI_TENANT_REDIS_USERNAME", Parse.name, {
  type: NAME,
  meaning: "The user, for a Redis with ACLs.",
  example: "tenant-events"
})

export const redisPassword = withFile(
  optional("MULTI_TENANT_REDIS_PASSWORD", Parse.secret, {
    type: "secret",
    meaning: "The password of the Redis, or of its user.",
    example: "change-me"
  }),
  "/run/secrets/redis-password"
)

export const redisTls = optional("MULTI_TENANT_REDIS_TLS", Parse.bool, {
  type: BOOL,
  default: "unset: on, except for a loopback host (localhost, 127.0.0.0/8, ::1)",
  meaning:
    "Whether to use TLS, 1.2 at least. Off for a host that is not loopback must be set " +
    "explicitly, and logs one warning.",
  example: "true"
})

export const redisCaCert = optional("MULTI_TENANT_REDIS_CA_CERT", caCertificates, {
  type: PEM,
  default: "none: the roots that Node trusts",
  meaning: "The only roots trusted for Redis when given; ignored without TLS.",
  example: "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t..."
})

export const reconcileInterval = withDefault(
  "MULTI_TENANT_RECONCILE_INTERVAL_SEC",
  Parse.nonNegativeSeconds,
  {
    type: SECONDS,
    default: "60",
    meaning: "How often the tenants are listed again while all is well, jittered; 0 turns it off.",
    example: "60"
  }
)

export const cacheTtl = withDefault("MULTI_TENANT_CACHE_TTL_SEC", Parse.nonNegativeSeconds, {
  type: SECONDS,
  default: "120",
  meaning: "How long a tenant's connection settings count as fresh.",
  example: "120"
})

export const checkInterval = withDefault(
  "MULTI_TENANT_CONNECTIONS_CHECK_INTERVAL_SEC",
  Parse.nonNegativeSeconds,
  {
    type: SECONDS,
    default: "30",
    meaning: "How often connection settings in use are read again, jittered; 0 turns it off.",
    example: "30"
  }
)

export const maxTenantPools = withDefault("MULTI_TENANT_MAX_TENANT_POOLS", Parse.count, {
  type: "count",
  default: "100",
  meaning: "How many tenants may hold resources at once; 0: no limit.",
  example: "100"
})

export const idleTimeout = withDefault("MULTI_TENANT_IDLE_TIMEOUT_SEC", Parse.nonNegativeSeconds, {
  type: SECONDS,
  default: "300",
  meaning: "When an unused tenant's resources are released; 0: never.",
  example: "300"
})

/** The table, in the order of the reference. */
export const groups: Readonly<Record<string, ReadonlyArray<Variable<unknown>>>> = {
  Mode: [enabled],
  Service: [applicationName, serviceName, environmentName, envName, allEnvironments],
  "Tenant manager": [
    url,
    allowInsecureHttp,
    apiKey,
    apiKey.file,
    apiPrefix,
    timeout,
    breakerThreshold,
    breakerTimeout,
    caCert,
    httpProxy,
    httpsProxy,
    noProxy
  ],
  Redis: [
    redisHost,
    redisPort,
    redisSentinels,
    redisSentinelName,
    redisSentinelPassword,
    redisClusterNodes,
    redisUsername,
    redisPassword,
    redisPassword.file,
    redisTls,
    redisCaCert
  ],
  Discovery: [reconcileInterval],
  "Tenant resources": [cacheTtl, checkInterval, maxTenantPools, idleTimeout]
}

export const all: ReadonlyArray<Variable<unknown>> = Object.values(groups).flat()

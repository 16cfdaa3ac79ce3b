/**
 * All environment variables in one table: meaning, type, default, and the parser of the text.
 * `.env.reference` is this table in writing; nothing else in the library names a variable to read.
 */
import { caCertificates } from "./certificate.js"
import { hostAndPort, hostList } from "./host.js"
import * as Parse from "./parse.js"
import { optional, required, type Variable, withDefault, withFile } from "./variable.js"

const BOOL = { type: "bool (true false t f 1 0 yes no on off, any case)", parse: Parse.bool }
const COUNT = { type: "count", parse: Parse.count }
const SECONDS = { type: "seconds (decimals allowed)", parse: Parse.nonNegativeSeconds }
const NAME = { type: "name (no white space, control characters or quotes)", parse: Parse.name }
const ENVIRONMENT = { ...NAME, parse: Parse.environment }
const SECRET = { type: "secret", parse: Parse.secret, isSecret: true }
const PEM = { type: "base64 of PEM, or PEM itself", parse: caCertificates }
const PROXY = {
  type: "URL (http or https; may hold a password)",
  parse: Parse.proxyUrl,
  isSecret: true
}
const CERTIFICATES = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t..."
const NODE_ROOTS = "none: the roots that Node trusts"

export const enabled = optional(
  "MULTI_TENANT_ENABLED",
  BOOL,
  "false",
  "false: single-tenant mode, no network use at all, and nothing else here is required or checked. true or unset: every required variable must be set.",
  "unset, which counts as true"
)

export const service = {
  application: required(
    "APPLICATION_NAME",
    NAME,
    "ledger",
    "The service whose tenants are listed.",
    "the name of the service, here or in MULTI_TENANT_SERVICE_NAME"
  ),
  name: optional(
    "MULTI_TENANT_SERVICE_NAME",
    NAME,
    "ledger",
    "The service whose tenants are listed; it wins over APPLICATION_NAME."
  ),
  environmentName: required(
    "ENVIRONMENT_NAME",
    ENVIRONMENT,
    "production",
    "The environment, trimmed and lower-cased. It picks the channel that is subscribed to, tenant-events:{environment}:, and events of another environment are dropped.",
    "the name of the environment, here or in ENV_NAME, or MULTI_TENANT_ALL_ENVIRONMENTS=true",
    "ENV_NAME; one of the two is required"
  ),
  envName: optional(
    "ENV_NAME",
    ENVIRONMENT,
    "production",
    "The environment where ENVIRONMENT_NAME is unset."
  ),
  allEnvironments: withDefault(
    "MULTI_TENANT_ALL_ENVIRONMENTS",
    BOOL,
    "false",
    "true: no environment is required, and without one the events of all environments are received (tenant-events:*), with one warning."
  )
}

export const tenantManager = {
  url: required(
    "MULTI_TENANT_URL",
    { type: "URL", parse: Parse.baseUrl },
    "https://tenant-manager.example",
    "The tenant manager's base URL: absolute, https, with a path where it has one; no credentials, query or fragment.",
    "the tenant manager's base URL, such as https://tenant-manager.example"
  ),
  allowInsecureHttp: withDefault(
    "MULTI_TENANT_ALLOW_INSECURE_HTTP",
    BOOL,
    "false",
    "true: MULTI_TENANT_URL may be http to any host, with one warning. A loopback host (localhost, 127.0.0.0/8, ::1) needs no opt-in."
  ),
  apiKey: withFile(
    required(
      "MULTI_TENANT_SERVICE_API_KEY",
      { ...SECRET, parse: Parse.headerSecret },
      "change-me",
      "The service's key, sent to the tenant manager with every call.",
      "the service's API key for the tenant manager, here or in MULTI_TENANT_SERVICE_API_KEY_FILE"
    ),
    "/run/secrets/tenant-manager-key"
  ),
  apiPrefix: withDefault(
    "MULTI_TENANT_API_PREFIX",
    {
      type: "text (a URL path; empty is a value)",
      parse: Parse.apiPrefix,
      emptyIsValue: true
    },
    "/v1",
    "What comes before /tenants/... in the tenant manager's paths; empty for old servers."
  ),
  timeout: withDefault(
    "MULTI_TENANT_TIMEOUT",
    { type: `${SECONDS.type}, greater than 0`, parse: Parse.positiveSeconds },
    "30",
    "The limit of one HTTP call."
  ),
  breakerThreshold: withDefault(
    "MULTI_TENANT_CIRCUIT_BREAKER_THRESHOLD",
    COUNT,
    "5",
    "How many outages in a row open a circuit breaker; 0 turns it off."
  ),
  breakerTimeout: withDefault(
    "MULTI_TENANT_CIRCUIT_BREAKER_TIMEOUT_SEC",
    SECONDS,
    "30",
    "How long an open circuit breaker waits before it admits one probe call."
  ),
  caCert: optional(
    "MULTI_TENANT_CA_CERT",
    PEM,
    CERTIFICATES,
    "The only roots trusted for the tenant manager when given.",
    NODE_ROOTS
  ),
  httpProxy: optional(
    "HTTP_PROXY",
    PROXY,
    "http://proxy.example:3128",
    "The proxy for a tenant manager whose URL begins with http:."
  ),
  httpsProxy: optional(
    "HTTPS_PROXY",
    PROXY,
    "http://proxy.example:3128",
    "The proxy for a tenant manager whose URL begins with https:."
  ),
  noProxy: optional(
    "NO_PROXY",
    { type: "hosts, separated by commas", parse: Parse.text },
    "localhost,.svc.cluster.local",
    "Hosts that are reached without the proxy, with their subdomains; host:port for one port, * for all. Networks such as 10.0.0.0/8 are not supported."
  )
}

export const redis = {
  host: required(
    "MULTI_TENANT_REDIS_HOST",
    { type: "text", parse: hostAndPort },
    "redis.example",
    "The host of the Redis that carries the tenant events. host:port and [::1]:port are accepted; a port here must not differ from MULTI_TENANT_REDIS_PORT.",
    "the host of the Redis that carries the tenant events, or MULTI_TENANT_REDIS_SENTINELS, or MULTI_TENANT_REDIS_CLUSTER_NODES",
    "none: required, unless sentinels, cluster nodes or single-tenant mode are set"
  ),
  port: optional(
    "MULTI_TENANT_REDIS_PORT",
    { type: "port (1 to 65535)", parse: Parse.port },
    "6379",
    "The port of that Redis.",
    "6379, or the port in MULTI_TENANT_REDIS_HOST"
  ),
  sentinels: optional(
    "MULTI_TENANT_REDIS_SENTINELS",
    { type: "host:port,...", parse: hostList(26_379) },
    "sentinel-1.example:26379,sentinel-2.example:26379",
    "Sentinels in place of a host, tried in rotation. A port left out is 26379."
  ),
  sentinelName: optional(
    "MULTI_TENANT_REDIS_SENTINEL_NAME",
    NAME,
    "mymaster",
    "The name under which the sentinels know the master.",
    "none: required with MULTI_TENANT_REDIS_SENTINELS"
  ),
  sentinelPassword: optional(
    "MULTI_TENANT_REDIS_SENTINEL_PASSWORD",
    SECRET,
    "change-me",
    "The password of the sentinels."
  ),
  clusterNodes: optional(
    "MULTI_TENANT_REDIS_CLUSTER_NODES",
    { type: "host:port,...", parse: hostList(6379) },
    "redis-1.example:6379,redis-2.example:6379",
    "Nodes of a Redis Cluster in place of a host, tried in rotation. A port left out is 6379."
  ),
  username: optional(
    "MULTI_TENANT_REDIS_USERNAME",
    NAME,
    "tenant-events",
    "The user, for a Redis with ACLs."
  ),
  password: withFile(
    optional(
      "MULTI_TENANT_REDIS_PASSWORD",
      SECRET,
      "change-me",
      "The password of the Redis, or of its user."
    ),
    "/run/secrets/redis-password"
  ),
  tls: optional(
    "MULTI_TENANT_REDIS_TLS",
    BOOL,
    "true",
    "Whether to use TLS, 1.2 at least. Off for a host that is not loopback must be set explicitly, and logs one warning.",
    "unset: on, except for a loopback host (localhost, 127.0.0.0/8, ::1)"
  ),
  caCert: optional(
    "MULTI_TENANT_REDIS_CA_CERT",
    PEM,
    CERTIFICATES,
    "The only roots trusted for Redis when given; ignored without TLS.",
    NODE_ROOTS
  )
}

export const reconcileInterval = withDefault(
  "MULTI_TENANT_RECONCILE_INTERVAL_SEC",
  SECONDS,
  "60",
  "How often the tenants are listed again while all is well, jittered; 0 turns it off."
)

export const resources = {
  cacheTtl: withDefault(
    "MULTI_TENANT_CACHE_TTL_SEC",
    SECONDS,
    "120",
    "How long a tenant's connection settings count as fresh."
  ),
  checkInterval: withDefault(
    "MULTI_TENANT_CONNECTIONS_CHECK_INTERVAL_SEC",
    SECONDS,
    "30",
    "How often connection settings in use are read again, jittered; 0 turns it off."
  ),
  maxTenantPools: withDefault(
    "MULTI_TENANT_MAX_TENANT_POOLS",
    COUNT,
    "100",
    "How many tenants may hold resources at once; 0: no limit."
  ),
  idleTimeout: withDefault(
    "MULTI_TENANT_IDLE_TIMEOUT_SEC",
    SECONDS,
    "300",
    "When an unused tenant's resources are released; 0: never."
  )
}

/** The table, in the order of the reference. */
const groups: Readonly<Record<string, Readonly<Record<string, Variable<unknown>>>>> = {
  Mode: { enabled },
  Service: service,
  "Tenant manager": tenantManager,
  Redis: redis,
  Discovery: { reconcileInterval },
  "Tenant resources": resources
}

/** All variables with their group, each secret's file after it. */
export const all = Object.entries(groups).flatMap(([group, members]) =>
  Object.values(members)
    .flatMap((variable) => [variable, ...(variable.file === undefined ? [] : [variable.file])])
    .map((variable) => ({ ...variable, group }))
)

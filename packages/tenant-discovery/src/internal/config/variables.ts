/**
 * All environment variables in one table: meaning, type, default, and the parser of the text.
 * `.env.reference` is this table in writing; nothing else in the library names a variable to read.
 */
import { Either } from "effect"
import { caCertificates } from "./certificate.js"
import { hostAndPort, hostList } from "./host.js"
import * as Parse from "./parse.js"

/** The texts that a variable accepts. */
interface Kind<out A> {
  readonly type: string
  readonly parse: Parse.Parse<A>
  readonly isSecret?: boolean
  /** Whether an empty text is a value of its own; otherwise blank is unset. */
  readonly emptyIsValue?: boolean
}

export interface Variable<out A> extends Kind<A> {
  /** A value that parses, for the reference. */
  readonly example: string
  readonly meaning: string
  /** For people: the default, or the rule for it. */
  readonly default: string
  /** The value where the variable is unset, or what the error says was expected. */
  readonly unset: Either.Either<A, string>
}

const REQUIRED = "none: required, unless MULTI_TENANT_ENABLED is false"

/** A variable that lacks only its meaning. */
const variable = <A>(kind: Kind<A>, others: Omit<Variable<A>, keyof Kind<A> | "meaning">) => ({
  means: (meaning: string): Variable<A> => ({ ...kind, ...others, meaning })
})

/** `missing` completes the sentence "expected ...". */
const required = <A>(kind: Kind<A>, example: string, missing: string, rule = REQUIRED) =>
  variable(kind, { example, default: rule, unset: Either.left(missing) })

const optional = <A>(kind: Kind<A>, example: string, rule = "none") =>
  variable<A | undefined>(kind, { example, default: rule, unset: Either.right(undefined) })

const withDefault = <A>(kind: Kind<A>, value: string) =>
  variable(kind, { example: value, default: value, unset: kind.parse(value) })

const fileOf = (name: string, example: string) =>
  optional({ type: "path", parse: Parse.text }, example).means(
    `A file with the value of ${name}, in place of that variable. It is read at each use; a line feed at its end is not part of the secret.`
  )

const BOOL = { type: "bool (true false t f 1 0 yes no on off, any case)", parse: Parse.bool }
const COUNT = { type: "count", parse: Parse.count }
const SECONDS = { type: "seconds (decimals allowed)", parse: Parse.nonNegativeSeconds }
const TIMEOUT = { type: `${SECONDS.type}, greater than 0`, parse: Parse.positiveSeconds }
const NAME = { type: "name (no white space, control characters or quotes)", parse: Parse.name }
const ENVIRONMENT = { ...NAME, parse: Parse.environment }
const SECRET = { type: "secret", parse: Parse.secret, isSecret: true }
const API_KEY = { ...SECRET, parse: Parse.headerSecret }
const PEM = { type: "base64 of PEM, or PEM itself", parse: caCertificates }
const URL_TYPE = { type: "URL", parse: Parse.baseUrl }
const PREFIX_TYPE = "text (a URL path; empty is a value)"
const PREFIX = { type: PREFIX_TYPE, parse: Parse.apiPrefix, emptyIsValue: true }
const PROXY_TYPE = "URL (http or https; may hold a password)"
const PROXY = { type: PROXY_TYPE, parse: Parse.proxyUrl, isSecret: true }
const HOSTS = { type: "hosts, separated by commas", parse: Parse.text }
const HOST = { type: "text", parse: hostAndPort }
const PORT = { type: "port (1 to 65535)", parse: Parse.port }
const SENTINELS = { type: "host:port,...", parse: hostList(26_379) }
const NODES = { type: "host:port,...", parse: hostList(6379) }
const CERTIFICATES = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t..."
const NODE_ROOTS = "none: the roots that Node trusts"

/** The table by group, in the order of the reference. */
const groups = {
  Mode: {
    MULTI_TENANT_ENABLED: optional(BOOL, "false", "unset, which counts as true").means(
      "false: single-tenant mode, no network use at all, and nothing else here is required or checked. true or unset: every required variable must be set."
    )
  },
  Service: {
    APPLICATION_NAME: required(
      NAME,
      "ledger",
      "the name of the service, here or in MULTI_TENANT_SERVICE_NAME"
    ).means("The service whose tenants are listed."),
    MULTI_TENANT_SERVICE_NAME: optional(NAME, "ledger").means(
      "The service whose tenants are listed; it wins over APPLICATION_NAME."
    ),
    ENVIRONMENT_NAME: required(
      ENVIRONMENT,
      "production",
      "the name of the environment, here or in ENV_NAME, or MULTI_TENANT_ALL_ENVIRONMENTS=true",
      "ENV_NAME; one of the two is required"
    ).means(
      "The environment, trimmed and lower-cased. It picks the channel that is subscribed to, tenant-events:{environment}:, and events of another environment are dropped."
    ),
    ENV_NAME: optional(ENVIRONMENT, "production").means(
      "The environment where ENVIRONMENT_NAME is unset."
    ),
    MULTI_TENANT_ALL_ENVIRONMENTS: withDefault(BOOL, "false").means(
      "true: no environment is required, and without one the events of all environments are received (tenant-events:*), with one warning."
    )
  },
  "Tenant manager": {
    MULTI_TENANT_URL: required(
      URL_TYPE,
      "https://tenant-manager.example",
      "the tenant manager's base URL, such as https://tenant-manager.example"
    ).means(
      "The tenant manager's base URL: absolute, https, with a path where it has one; no credentials, query or fragment."
    ),
    MULTI_TENANT_ALLOW_INSECURE_HTTP: withDefault(BOOL, "false").means(
      "true: MULTI_TENANT_URL may be http to any host, with one warning. A loopback host (localhost, 127.0.0.0/8, ::1) needs no opt-in."
    ),
    MULTI_TENANT_SERVICE_API_KEY: required(
      API_KEY,
      "change-me",
      "the service's API key for the tenant manager, here or in MULTI_TENANT_SERVICE_API_KEY_FILE"
    ).means("The service's key, sent to the tenant manager with every call."),
    MULTI_TENANT_SERVICE_API_KEY_FILE: fileOf(
      "MULTI_TENANT_SERVICE_API_KEY",
      "/run/secrets/tenant-manager-key"
    ),
    MULTI_TENANT_API_PREFIX: withDefault(PREFIX, "/v1").means(
      "What comes before /tenants/... in the tenant manager's paths; empty for old servers."
    ),
    MULTI_TENANT_TIMEOUT: withDefault(TIMEOUT, "30").means("The limit of one HTTP call."),
    MULTI_TENANT_CIRCUIT_BREAKER_THRESHOLD: withDefault(COUNT, "5").means(
      "How many outages in a row open a circuit breaker; 0 turns it off."
    ),
    MULTI_TENANT_CIRCUIT_BREAKER_TIMEOUT_SEC: withDefault(SECONDS, "30").means(
      "How long an open circuit breaker waits before it admits one probe call."
    ),
    MULTI_TENANT_CA_CERT: optional(PEM, CERTIFICATES, NODE_ROOTS).means(
      "The only roots trusted for the tenant manager when given."
    ),
    HTTP_PROXY: optional(PROXY, "http://proxy.example:3128").means(
      "The proxy for a tenant manager whose URL begins with http:."
    ),
    HTTPS_PROXY: optional(PROXY, "http://proxy.example:3128").means(
      "The proxy for a tenant manager whose URL begins with https:."
    ),
    NO_PROXY: optional(HOSTS, "localhost,.svc.cluster.local").means(
      "Hosts that are reached without the proxy, with their subdomains; host:port for one port, * for all. Networks such as 10.0.0.0/8 are not supported."
    )
  },
  Redis: {
    MULTI_TENANT_REDIS_HOST: required(
      HOST,
      "redis.example",
      "the host of the Redis that carries the tenant events, or MULTI_TENANT_REDIS_SENTINELS, or MULTI_TENANT_REDIS_CLUSTER_NODES",
      "none: required, unless sentinels, cluster nodes or single-tenant mode are set"
    ).means(
      "The host of the Redis that carries the tenant events. host:port and [::1]:port are accepted; a port here must not differ from MULTI_TENANT_REDIS_PORT."
    ),
    MULTI_TENANT_REDIS_PORT: optional(
      PORT,
      "6379",
      "6379, or the port in MULTI_TENANT_REDIS_HOST"
    ).means("The port of that Redis."),
    MULTI_TENANT_REDIS_SENTINELS: optional(
      SENTINELS,
      "sentinel-1.example:26379,sentinel-2.example:26379"
    ).means("Sentinels in place of a host, tried in rotation. A port left out is 26379."),
    MULTI_TENANT_REDIS_SENTINEL_NAME: optional(
      NAME,
      "mymaster",
      "none: required with MULTI_TENANT_REDIS_SENTINELS"
    ).means("The name under which the sentinels know the master."),
    MULTI_TENANT_REDIS_SENTINEL_PASSWORD: optional(SECRET, "change-me").means(
      "The password of the sentinels."
    ),
    MULTI_TENANT_REDIS_CLUSTER_NODES: optional(
      NODES,
      "redis-1.example:6379,redis-2.example:6379"
    ).means(
      "Nodes of a Redis Cluster in place of a host, tried in rotation. A port left out is 6379."
    ),
    MULTI_TENANT_REDIS_USERNAME: optional(NAME, "tenant-events").means(
      "The user, for a Redis with ACLs."
    ),
    MULTI_TENANT_REDIS_PASSWORD: optional(SECRET, "change-me").means(
      "The password of the Redis, or of its user."
    ),
    MULTI_TENANT_REDIS_PASSWORD_FILE: fileOf(
      "MULTI_TENANT_REDIS_PASSWORD",
      "/run/secrets/redis-password"
    ),
    MULTI_TENANT_REDIS_TLS: optional(
      BOOL,
      "true",
      "unset: on, except for a loopback host (localhost, 127.0.0.0/8, ::1)"
    ).means(
      "Whether to use TLS, 1.2 at least. Off for a host that is not loopback must be set explicitly, and logs one warning."
    ),
    MULTI_TENANT_REDIS_CA_CERT: optional(PEM, CERTIFICATES, NODE_ROOTS).means(
      "The only roots trusted for Redis when given; ignored without TLS."
    )
  },
  Discovery: {
    MULTI_TENANT_RECONCILE_INTERVAL_SEC: withDefault(SECONDS, "60").means(
      "How often the tenants are listed again while all is well, jittered; 0 turns it off."
    )
  },
  "Tenant resources": {
    MULTI_TENANT_CACHE_TTL_SEC: withDefault(SECONDS, "120").means(
      "How long a tenant's connection settings count as fresh."
    ),
    MULTI_TENANT_CONNECTIONS_CHECK_INTERVAL_SEC: withDefault(SECONDS, "30").means(
      "How often connection settings in use are read again, jittered; 0 turns it off."
    ),
    MULTI_TENANT_MAX_TENANT_POOLS: withDefault(COUNT, "100").means(
      "How many tenants may hold resources at once; 0: no limit."
    ),
    MULTI_TENANT_IDLE_TIMEOUT_SEC: withDefault(SECONDS, "300").means(
      "When an unused tenant's resources are released; 0: never."
    )
  }
}

const flat = {
  ...groups.Mode,
  ...groups.Service,
  ...groups["Tenant manager"],
  ...groups.Redis,
  ...groups.Discovery,
  ...groups["Tenant resources"]
}

export type Name = keyof typeof flat

/** The value of each variable, by name. */
export type Values = {
  readonly [N in Name]: (typeof flat)[N] extends Variable<infer A> ? A : never
}

export const table: { readonly [N in Name]: Variable<Values[N]> } = flat

/** All variables with their name and group, in the order of the reference. */
export const all = Object.entries(groups).flatMap(([group, members]) =>
  Object.entries<Variable<unknown>>(members).map(([name, variable]) => ({
    ...variable,
    name,
    group
  }))
)

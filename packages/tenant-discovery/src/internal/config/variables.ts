/**
 * Every environment variable that is read, in one table: what it means, its
 * type, its default, and how its text becomes a value. Nothing else in the
 * library names an environment variable to read; `.env.reference` is this table
 * written out.
 */
import { Either } from "effect"
import { caCertificates } from "./certificate.js"
import { hostAndPort } from "./host.js"
import * as Parse from "./parse.js"
import { baseUrl } from "./url.js"

export type Group =
  | "Mode"
  | "Service"
  | "Tenant manager"
  | "Redis"
  | "Discovery"
  | "Tenant resources"

export interface Variable<out A> {
  readonly name: string
  readonly group: Group
  readonly type: string
  /** For people: the default's text, or what it is instead. */
  readonly default: string
  readonly meaning: string
  /** A value that parses, for the reference. */
  readonly example: string
  /** Whether an empty text is a value of its own. Everywhere else, blank is unset. */
  readonly emptyIsValue: boolean
  readonly parse: Parse.Parse<A>
  /** The value where the variable is unset, or what the error says was expected. */
  readonly unset: Either.Either<A, string>
}

interface Description {
  readonly group: Group
  readonly type: string
  readonly meaning: string
  readonly example: string
}

const REQUIRED = "none: required, unless MULTI_TENANT_ENABLED is false"

/** `missing` completes the sentence "expected ...". */
const required = <A>(
  name: string,
  parse: Parse.Parse<A>,
  description: Description & { readonly missing: string }
): Variable<A> => ({
  name,
  group: description.group,
  type: description.type,
  default: REQUIRED,
  meaning: description.meaning,
  example: description.example,
  emptyIsValue: false,
  parse,
  unset: Either.left(description.missing)
})

const optional = <A>(
  name: string,
  parse: Parse.Parse<A>,
  description: Description & { readonly default?: string }
): Variable<A | undefined> => ({
  name,
  default: "none",
  ...description,
  emptyIsValue: false,
  parse,
  unset: Either.right(undefined)
})

const withDefault = <A>(
  name: string,
  parse: Parse.Parse<A>,
  defaultText: string,
  description: Description & { readonly emptyIsValue?: boolean }
): Variable<A> => ({
  name,
  emptyIsValue: false,
  ...description,
  default: defaultText,
  parse,
  unset: parse(defaultText)
})

const BOOL = "bool (true false 1 0 yes no on off, any case)"
const SECONDS = "seconds (decimals allowed)"

export const enabled = optional("MULTI_TENANT_ENABLED", Parse.bool, {
  group: "Mode",
  type: BOOL,
  default: "unset, which is like true",
  meaning:
    "false: single-tenant mode, no network use at all, and nothing else here is required or checked. " +
    "true or unset: every variable that is required must be there.",
  example: "false"
})

export const applicationName = required("APPLICATION_NAME", Parse.text, {
  group: "Service",
  type: "text",
  meaning: "The service whose tenants are asked for.",
  example: "ledger",
  missing: "the name of the service, here or in MULTI_TENANT_SERVICE_NAME"
})

export const serviceName = optional("MULTI_TENANT_SERVICE_NAME", Parse.text, {
  group: "Service",
  type: "text",
  meaning:
    "The service whose tenants are asked for; where it is set it wins over APPLICATION_NAME.",
  example: "ledger"
})

const ENVIRONMENT =
  "trimmed and lower-cased. It picks the one channel that is subscribed to, " +
  "tenant-events:{environment}:, and events of another environment are dropped."

export const environmentName = optional("ENVIRONMENT_NAME", Parse.lowerCase, {
  group: "Service",
  type: "text",
  default: "ENV_NAME",
  meaning: `The environment, ${ENVIRONMENT}`,
  example: "production"
})

export const envName = optional("ENV_NAME", Parse.lowerCase, {
  group: "Service",
  type: "text",
  default:
    "none: the events of every environment are listened to (tenant-events:*), with one warning",
  meaning: `The environment where ENVIRONMENT_NAME is unset, ${ENVIRONMENT}`,
  example: "production"
})

export const url = required("MULTI_TENANT_URL", baseUrl, {
  group: "Tenant manager",
  type: "URL",
  meaning:
    "The tenant manager's base URL: absolute, https, with a path where it has one; " +
    "no credentials, query or fragment.",
  example: "https://tenant-manager.example",
  missing:
    "the tenant manager's base URL, such as https://tenant-manager.example; " +
    "MULTI_TENANT_ENABLED=false is the way to single-tenant mode"
})

export const allowInsecureHttp = withDefault(
  "MULTI_TENANT_ALLOW_INSECURE_HTTP",
  Parse.bool,
  "false",
  {
    group: "Tenant manager",
    type: BOOL,
    meaning:
      "true: MULTI_TENANT_URL may be http to any host, with one warning. " +
      "A loopback host (localhost, 127.0.0.0/8, ::1) needs no opt-in.",
    example: "true"
  }
)

export const apiKey = required("MULTI_TENANT_SERVICE_API_KEY", Parse.headerSecret, {
  group: "Tenant manager",
  type: "secret",
  meaning: "The service's key, sent to the tenant manager with every call.",
  example: "change-me",
  missing: "the service's API key for the tenant manager"
})

export const apiPrefix = withDefault("MULTI_TENANT_API_PREFIX", Parse.apiPrefix, "/v1", {
  group: "Tenant manager",
  type: "text (a URL path; empty is a value)",
  emptyIsValue: true,
  meaning: "What comes before /tenants/... in the tenant manager's paths; empty for old servers.",
  example: "/v1"
})

export const timeout = withDefault("MULTI_TENANT_TIMEOUT", Parse.positiveSeconds, "30", {
  group: "Tenant manager",
  type: `${SECONDS}, greater than 0`,
  meaning: "The limit of one HTTP call.",
  example: "30"
})

export const circuitBreakerThreshold = withDefault(
  "MULTI_TENANT_CIRCUIT_BREAKER_THRESHOLD",
  Parse.nonNegativeCount,
  "5",
  {
    group: "Tenant manager",
    type: "count",
    meaning: "How many outages in a row open the circuit breaker; 0 turns it off.",
    example: "5"
  }
)

export const circuitBreakerTimeout = withDefault(
  "MULTI_TENANT_CIRCUIT_BREAKER_TIMEOUT_SEC",
  Parse.nonNegativeSeconds,
  "30",
  {
    group: "Tenant manager",
    type: SECONDS,
    meaning: "How long an open circuit breaker waits before it lets one probe call through.",
    example: "30"
  }
)

export const redisHost = required("MULTI_TENANT_REDIS_HOST", hostAndPort, {
  group: "Redis",
  type: "text",
  meaning:
    "The host of the Redis that carries the tenant events. host:port and [::1]:port are accepted; " +
    "a port here must not differ from MULTI_TENANT_REDIS_PORT.",
  example: "redis.example",
  missing: "the host of the Redis that carries the tenant events"
})

export const redisPort = optional("MULTI_TENANT_REDIS_PORT", Parse.port, {
  group: "Redis",
  type: "port (1 to 65535)",
  default: "6379, or the port in MULTI_TENANT_REDIS_HOST",
  meaning: "The port of that Redis.",
  example: "6379"
})

export const redisUsername = optional("MULTI_TENANT_REDIS_USERNAME", Parse.text, {
  group: "Redis",
  type: "text",
  meaning: "The user, for a Redis with ACLs.",
  example: "tenant-events"
})

export const redisPassword = optional("MULTI_TENANT_REDIS_PASSWORD", Parse.secret, {
  group: "Redis",
  type: "secret",
  meaning: "The password of the Redis, or of its user.",
  example: "change-me"
})

export const redisTls = optional("MULTI_TENANT_REDIS_TLS", Parse.bool, {
  group: "Redis",
  type: BOOL,
  default: "unset: on, except for a loopback host (localhost, 127.0.0.0/8, ::1)",
  meaning:
    "Whether to speak TLS, 1.2 at least. Off for a host that is not loopback must be said, " +
    "and logs one warning.",
  example: "true"
})

export const redisCaCert = optional("MULTI_TENANT_REDIS_CA_CERT", caCertificates, {
  group: "Redis",
  type: "base64 of PEM, or PEM itself",
  default: "none: the roots that Node trusts",
  meaning: "The only roots trusted when given; not looked at without TLS.",
  example: "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t..."
})

export const reconcileInterval = withDefault(
  "MULTI_TENANT_RECONCILE_INTERVAL_SEC",
  Parse.nonNegativeSeconds,
  "60",
  {
    group: "Discovery",
    type: SECONDS,
    meaning: "How often the tenants are listed again while all is well, jittered; 0 turns it off.",
    example: "60"
  }
)

export const cacheTtl = withDefault(
  "MULTI_TENANT_CACHE_TTL_SEC",
  Parse.nonNegativeSeconds,
  "43200",
  {
    group: "Tenant resources",
    type: SECONDS,
    meaning: "How long a tenant's connection settings are kept.",
    example: "43200"
  }
)

export const maxTenantPools = withDefault(
  "MULTI_TENANT_MAX_TENANT_POOLS",
  Parse.positiveCount,
  "100",
  {
    group: "Tenant resources",
    type: "count, 1 or more",
    meaning: "How many tenants may hold resources at once.",
    example: "100"
  }
)

export const idleTimeout = withDefault(
  "MULTI_TENANT_IDLE_TIMEOUT_SEC",
  Parse.nonNegativeSeconds,
  "300",
  {
    group: "Tenant resources",
    type: SECONDS,
    meaning: "When an unused tenant's resources are released.",
    example: "300"
  }
)

/** The table itself, in the order of the reference. */
export const all: ReadonlyArray<Variable<unknown>> = [
  enabled,
  applicationName,
  serviceName,
  environmentName,
  envName,
  url,
  allowInsecureHttp,
  apiKey,
  apiPrefix,
  timeout,
  circuitBreakerThreshold,
  circuitBreakerTimeout,
  redisHost,
  redisPort,
  redisUsername,
  redisPassword,
  redisTls,
  redisCaCert,
  reconcileInterval,
  cacheTtl,
  maxTenantPools,
  idleTimeout
]

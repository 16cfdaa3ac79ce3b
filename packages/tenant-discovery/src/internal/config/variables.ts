/**
 * All environment variables: how each text is read, and the value of an unset one.
 * `.env.reference` describes them; nothing else in the library names a variable to read.
 */
import { Either } from "effect"
import { caCertificates } from "./certificate.js"
import { hostAndPort, hostList } from "./host.js"
import * as Parse from "./parse.js"

export interface Variable<out A> {
  readonly parse: Parse.Parse<A>
  /** The value where the variable is unset, or what the error says was expected. */
  readonly unset: Either.Either<A, string>
  readonly isSecret?: boolean
  /** Whether an empty text is a value of its own; otherwise blank is unset. */
  readonly emptyIsValue?: boolean
}

/** `missing` completes the sentence "expected ...". */
const required = <A>(parse: Parse.Parse<A>, missing: string): Variable<A> => ({
  parse,
  unset: Either.left(missing)
})

const optional = <A>(parse: Parse.Parse<A>): Variable<A | undefined> => ({
  parse,
  unset: Either.right(undefined)
})

const withDefault = <A>(parse: Parse.Parse<A>, text: string): Variable<A> => ({
  parse,
  unset: parse(text)
})

const secret = <A>(variable: Variable<A>): Variable<A> => ({ ...variable, isSecret: true })

const proxy = secret(optional(Parse.proxyUrl))
const seconds = Parse.nonNegativeSeconds

const byName = {
  MULTI_TENANT_ENABLED: optional(Parse.bool),
  APPLICATION_NAME: required(
    Parse.name,
    "the name of the service, here or in MULTI_TENANT_SERVICE_NAME"
  ),
  MULTI_TENANT_SERVICE_NAME: optional(Parse.name),
  ENVIRONMENT_NAME: required(
    Parse.environment,
    "the name of the environment, here or in ENV_NAME, or MULTI_TENANT_ALL_ENVIRONMENTS=true"
  ),
  ENV_NAME: optional(Parse.environment),
  MULTI_TENANT_ALL_ENVIRONMENTS: withDefault(Parse.bool, "false"),
  MULTI_TENANT_URL: required(
    Parse.baseUrl,
    "the tenant manager's base URL, such as https://tenant-manager.example"
  ),
  MULTI_TENANT_ALLOW_INSECURE_HTTP: withDefault(Parse.bool, "false"),
  MULTI_TENANT_SERVICE_API_KEY: secret(
    required(
      Parse.headerSecret,
      "the service's API key for the tenant manager, here or in MULTI_TENANT_SERVICE_API_KEY_FILE"
    )
  ),
  MULTI_TENANT_SERVICE_API_KEY_FILE: optional(Parse.text),
  MULTI_TENANT_API_PREFIX: { ...withDefault(Parse.apiPrefix, "/v1"), emptyIsValue: true },
  MULTI_TENANT_TIMEOUT: withDefault(Parse.positiveSeconds, "30"),
  MULTI_TENANT_CIRCUIT_BREAKER_THRESHOLD: withDefault(Parse.count, "5"),
  MULTI_TENANT_CIRCUIT_BREAKER_TIMEOUT_SEC: withDefault(seconds, "30"),
  MULTI_TENANT_CA_CERT: optional(caCertificates),
  HTTP_PROXY: proxy,
  http_proxy: proxy,
  HTTPS_PROXY: proxy,
  https_proxy: proxy,
  NO_PROXY: optional(Parse.text),
  no_proxy: optional(Parse.text),
  MULTI_TENANT_REDIS_HOST: required(
    hostAndPort,
    "the host of the Redis that carries the tenant events, or MULTI_TENANT_REDIS_SENTINELS, or MULTI_TENANT_REDIS_CLUSTER_NODES"
  ),
  MULTI_TENANT_REDIS_PORT: optional(Parse.port),
  MULTI_TENANT_REDIS_SENTINELS: optional(hostList(26_379)),
  MULTI_TENANT_REDIS_SENTINEL_NAME: required(
    Parse.name,
    "the name of the master that the sentinels know"
  ),
  MULTI_TENANT_REDIS_SENTINEL_PASSWORD: secret(optional(Parse.secret)),
  MULTI_TENANT_REDIS_CLUSTER_NODES: optional(hostList(6379)),
  MULTI_TENANT_REDIS_USERNAME: optional(Parse.name),
  MULTI_TENANT_REDIS_PASSWORD: secret(optional(Parse.secret)),
  MULTI_TENANT_REDIS_PASSWORD_FILE: optional(Parse.text),
  MULTI_TENANT_REDIS_TLS: optional(Parse.bool),
  MULTI_TENANT_REDIS_CA_CERT: optional(caCertificates),
  MULTI_TENANT_RECONCILE_INTERVAL_SEC: withDefault(seconds, "60"),
  MULTI_TENANT_CACHE_TTL_SEC: withDefault(seconds, "120"),
  MULTI_TENANT_CONNECTIONS_CHECK_INTERVAL_SEC: withDefault(seconds, "30"),
  MULTI_TENANT_MAX_TENANT_POOLS: withDefault(Parse.count, "100"),
  MULTI_TENANT_IDLE_TIMEOUT_SEC: withDefault(seconds, "300")
}

export type Name = keyof typeof byName

/** The value of each variable, by name. */
export type Values = {
  readonly [N in Name]: (typeof byName)[N] extends Variable<infer A> ? A : never
}

export const variables: { readonly [N in Name]: Variable<Values[N]> } = byName

/** The options of the tenant manager's client, their defaults, and how they are decoded. */
import { type Duration, Effect, Either, Redacted, Schema } from "effect"
import * as Parse from "../config/parse.js"
import { count, decodeOptions, duration, parsed, withDefault } from "../options.js"

/** The API key, or an effect that reads it, run at each call. */
export type TenantManagerApiKey = Redacted.Redacted | Effect.Effect<Redacted.Redacted, unknown>

export interface TenantManagerOptions {
  /** The service whose tenants are listed. Trimmed; no white space or control characters. */
  readonly service: string
  /** Absolute, `http` or `https`, without credentials, query or fragment. A path is kept. */
  readonly url: string | URL
  /**
   * Sent as `X-API-Key`; no error, log or span shows it. An effect is run at each call, for a key
   * that is rotated; when it fails, the call fails with `TenantManagerUnavailable`.
   */
  readonly apiKey: TenantManagerApiKey
  /** The path between the base URL and `/tenants/...`; empty for old servers. Default: `/v1`. */
  readonly apiPrefix?: string | undefined
  /**
   * The limit of one call, from connecting to the last byte of the body, so that a server that
   * hangs is an outage. Greater than 0. Default: 30 s.
   */
  readonly timeout?: Duration.DurationInput | undefined
  /** The longest list that is read, in bytes. At least 1. Default: 64 MiB, half a million tenants. */
  readonly listBodyLimit?: number | undefined
  /** The longest `Retry-After` that is honoured. Default: 60 s. */
  readonly maxRetryAfter?: Duration.DurationInput | undefined
  /** One for lists and one for connection settings: a failing list does not stop the others. */
  readonly circuitBreaker?:
    | {
        /**
         * Outages in a row (`TenantManagerUnavailable`, `TenantManagerTimedOut`) that open it.
         * 0 turns it off. Default: 5.
         */
        readonly threshold?: number | undefined
        /** The time from opening to the first probe. Default: 30 s. */
        readonly resetAfter?: Duration.DurationInput | undefined
      }
    | undefined
}

/** The defaults of {@link TenantManagerOptions}; durations in milliseconds, limits in bytes. */
export const tenantManagerDefaults = {
  apiPrefix: "/v1",
  timeout: 30_000,
  listBodyLimit: 64 * 1024 * 1024,
  connectionsBodyLimit: 10 * 1024 * 1024,
  maxRetryAfter: 60_000,
  circuitBreaker: { threshold: 5, resetAfter: 30_000 }
} as const

/** The message of the default refusal would show the value. */
const ApiKey = Schema.declare(
  (input): input is TenantManagerApiKey => {
    const key = Redacted.isRedacted(input) ? Redacted.value(input) : undefined
    return typeof key === "string"
      ? Either.isRight(Parse.headerSecret(key))
      : Effect.isEffect(input)
  },
  { message: () => `expected a Redacted ${Parse.HEADER_SECRET}, or an effect of one` }
)

const defaults = tenantManagerDefaults

const Options = Schema.Struct({
  service: parsed(Schema.String, Parse.name),
  url: parsed(Schema.URLFromSelf, Parse.baseUrl, "hidden"),
  apiKey: ApiKey,
  apiPrefix: withDefault(parsed(Schema.String, Parse.apiPrefix), defaults.apiPrefix),
  timeout: withDefault(duration(), defaults.timeout),
  listBodyLimit: withDefault(count(1), defaults.listBodyLimit),
  maxRetryAfter: withDefault(duration({ zero: true, infinity: true }), defaults.maxRetryAfter),
  circuitBreaker: withDefault(
    Schema.Struct({
      threshold: withDefault(count(0), defaults.circuitBreaker.threshold),
      resetAfter: withDefault(duration({ zero: true }), defaults.circuitBreaker.resetAfter)
    }),
    defaults.circuitBreaker
  )
})

/** Decoded options. */
export type ClientSettings = typeof Options.Type

/** @throws RangeError for a bad option. It shows neither the API key nor the URL. */
export const decodeClientOptions = (options: TenantManagerOptions): ClientSettings =>
  decodeOptions("TenantManager", Options, options)

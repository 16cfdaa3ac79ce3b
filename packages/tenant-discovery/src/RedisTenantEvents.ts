/**
 * Tenant events over Redis Pub/Sub, with ioredis 5 or 6.
 *
 * What it promises, beyond `TenantEvents`:
 *
 * - Only the server's reply to SUBSCRIBE counts as subscribed, and only after it answered a PING.
 * - A PING on the subscription's own connection detects a server that hangs and a link that was
 *   cut, within `heartbeatInterval` and `heartbeatTimeout`. Only PONG counts, or a refusal for
 *   lack of permission: after any other error (`MASTERDOWN`, `LOADING`) the subscription is lost.
 * - Each attempt uses a new connection, after a wait that grows.
 * - A message goes from ioredis to the sink by a direct call, without a fiber in between.
 * - Closing waits for no server. Sockets close within 25 ms, those of silent sentinels within
 *   2.5 s.
 *
 * It logs at Debug only; the sink receives why a subscription was lost.
 *
 * @module tenant-discovery/RedisTenantEvents
 */
import { type Duration, Layer, Schema } from "effect"
import * as Parse from "./internal/config/parse.js"
import { decodeOptions, duration, name, parsed, withDefault } from "./internal/options.js"
import { makeEndpoint, type RedisSource } from "./internal/redis/connection.js"
import type { Naming } from "./internal/redis/failureMessage.js"
import type { Channel } from "./internal/redis/session.js"
import { subscribe } from "./internal/redis/subscription.js"
import { TenantEvents } from "./TenantEvents.js"

export type { Channel }
export type {
  RedisAddress,
  RedisClient,
  RedisClusterClient,
  RedisClusterNodes,
  RedisConnection,
  RedisCredential,
  RedisSentinels,
  RedisSource,
  SubscriberConnection,
  SubscriberListener
} from "./internal/redis/connection.js"

/** The waits between attempts: full jitter, the bound doubles at each attempt. */
export interface RedisBackoff {
  /** The longest first wait. Greater than 0. Default: 200 ms. */
  readonly base?: Duration.DurationInput | undefined
  /** No wait is longer. Greater than 0. Default: 30 s. */
  readonly cap?: Duration.DurationInput | undefined
  /** A subscription that lived this long starts the next attempts at `base`. Default: 1 min. */
  readonly resetAfter?: Duration.DurationInput | undefined
}

export interface RedisTenantEventsOptions {
  /**
   * Where Redis is:
   *
   * - `{ host, port, username?, password?, tls? }`: one server.
   * - `{ sentinels: [{ host, port }], name, ... }`: the master that sentinels name.
   * - `{ cluster: [{ host, port }], ... }`: nodes of a Redis Cluster, tried in rotation.
   * - A `Redis` instance: it is duplicated for each attempt and never used itself.
   * - A `Cluster` instance: one of its nodes is duplicated for each attempt, in rotation.
   * - A function that returns a new connection made with `lazyConnect: true`, called once an
   *   attempt and twice more at the start, as a check: when it returns the same connection twice,
   *   or one that is in use, `subscribe` dies with a `TypeError`. Set `autoResubscribe: false`,
   *   `retryStrategy: () => null`, `enableReadyCheck: false` and `disconnectTimeout: 20` too.
   */
  readonly redis: RedisSource
  /** What to subscribe to: a channel or a pattern; {@link channelFor} makes it from an environment. */
  readonly channel: Channel
  /**
   * The limit for TCP, TLS, AUTH and the reply to SUBSCRIBE together. An effect that reads a
   * password has the same limit of its own. Greater than 0. Default: 5 s.
   */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /**
   * The wait between the answer to a PING and the next PING. Greater than 0; `Duration.infinity`
   * sends none, and then a hanging server is never detected. Default: 15 s.
   */
  readonly heartbeatInterval?: Duration.DurationInput | undefined
  /**
   * How long the answer to a PING may take, messages before it included. Greater than 0.
   * Default: 5 s.
   */
  readonly heartbeatTimeout?: Duration.DurationInput | undefined
  /**
   * The wait before the next attempt: random up to `base`, which doubles each time up to `cap`.
   * Default: `base` 200 ms, `cap` 30 s, `resetAfter` 1 min.
   */
  readonly backoff?: RedisBackoff | undefined
  /**
   * Whether failure messages name options (`redis.tls`) or environment variables
   * (`MULTI_TENANT_REDIS_TLS`). `layerConfig` sets it. Default: `"options"`.
   */
  readonly naming?: Naming | undefined
}

/** The defaults of the options; durations are in milliseconds. */
export const defaults = {
  connectTimeout: 5_000,
  heartbeatInterval: 15_000,
  heartbeatTimeout: 5_000,
  backoff: { base: 200, cap: 30_000, resetAfter: 60_000 },
  naming: "options"
} as const

const OWNER = "RedisTenantEvents"

const Options = Schema.Struct({
  channel: Schema.Union(
    Schema.TaggedStruct("Exact", { channel: name }),
    Schema.TaggedStruct("Pattern", { pattern: name })
  ),
  connectTimeout: withDefault(duration(), defaults.connectTimeout),
  heartbeatInterval: withDefault(duration({ infinity: true }), defaults.heartbeatInterval),
  heartbeatTimeout: withDefault(duration(), defaults.heartbeatTimeout),
  backoff: withDefault(
    Schema.Struct({
      base: withDefault(duration(), defaults.backoff.base),
      cap: withDefault(duration(), defaults.backoff.cap),
      resetAfter: withDefault(duration({ zero: true, infinity: true }), defaults.backoff.resetAfter)
    }),
    defaults.backoff
  ),
  naming: withDefault(Schema.Literal("options", "environment"), defaults.naming)
})

const Environment = Schema.Struct({
  environment: Schema.optional(parsed(Schema.String, Parse.environment))
})

/**
 * The channel of an environment's events, `tenant-events:{env}:`, with the name trimmed and in
 * lower case as publishers write it; for `undefined` the pattern of all channels,
 * `tenant-events:*`.
 *
 * @throws RangeError for a name that is empty, in quotes, or has white space in it.
 */
export const channelFor = (environment: string | undefined): Channel => {
  const { environment: env } = decodeOptions(`${OWNER}.channelFor`, Environment, { environment })
  return env === undefined
    ? { _tag: "Pattern", pattern: "tenant-events:*" }
    : { _tag: "Exact", channel: `tenant-events:${env}:` }
}

/**
 * The adapter. It connects at `subscribe` only, once for each.
 *
 * @throws RangeError for a bad option, which it names.
 */
export const make = (options: RedisTenantEventsOptions): TenantEvents["Type"] => {
  const decoded = {
    ...decodeOptions(OWNER, Options, options),
    endpoint: makeEndpoint(OWNER, options.redis)
  }
  return { subscribe: (sink) => subscribe(decoded, sink) }
}

/**
 * {@link make} as a layer. Building it does not connect and cannot fail.
 *
 * @throws RangeError for a bad option, which it names.
 * @example
 * RedisTenantEvents.layer({
 *   redis: { host: "localhost", port: 6379 },
 *   channel: RedisTenantEvents.channelFor("production")
 * })
 */
export const layer = (options: RedisTenantEventsOptions): Layer.Layer<TenantEvents> =>
  Layer.succeed(TenantEvents, make(options))

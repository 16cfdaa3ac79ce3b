/**
 * Tenant events over Redis Pub/Sub, by ioredis 5 or 6.
 *
 * What it promises, beyond `TenantEvents`:
 *
 * - Only the server's reply to SUBSCRIBE counts as subscribed.
 * - A connection that hangs or was cut unseen is found by a PING on that same
 *   connection, within `heartbeatInterval` and `heartbeatTimeout`.
 * - Every attempt is made with a fresh connection, after a wait that grows.
 * - A message goes from the socket to the sink without a fiber in between.
 * - Closing waits for no server: sockets are destroyed.
 *
 * It logs at debug only: why a subscription was lost is told to the sink.
 */
import { Duration, Layer } from "effect"
import {
  open,
  passwordOf,
  type RedisConnection,
  type SubscriberConnection
} from "./internal/redis/connection.js"
import type { Channel } from "./internal/redis/Session.js"
import { type Settings, subscribe } from "./internal/redis/subscription.js"
import { TenantEvents } from "./TenantEvents.js"

export type { Channel, RedisConnection, SubscriberConnection }
export type { SubscriberListener, SubscriberSocket } from "./internal/redis/connection.js"

/** How long to wait between attempts: full jitter, doubled at each. */
export interface RedisBackoff {
  /** The longest wait before the first attempt after a loss. */
  readonly base?: Duration.DurationInput | undefined
  /** No wait is longer. */
  readonly cap?: Duration.DurationInput | undefined
  /** A subscription that lived this long starts the next attempts at `base` again. */
  readonly resetAfter?: Duration.DurationInput | undefined
}

export interface RedisTenantEventsOptions {
  /**
   * Settings, or a function that makes a connection which the program has configured
   * itself: a sentinel's, with other options. It is called once an attempt and must
   * return a connection that nobody else uses each time, connected already or not, since
   * a subscriber takes no other commands and this one is destroyed at the end:
   *
   * ```ts
   * redis: () => redis.duplicate({
   *   lazyConnect: true, autoResubscribe: false, retryStrategy: () => null, enableReadyCheck: false
   * })
   * ```
   *
   * Without `retryStrategy: () => null`, ioredis keeps a timer of up to its
   * `disconnectTimeout` (2 s) after a connection was lost.
   *
   * For a cluster, give a connection to any one node, since each carries all of the
   * ordinary Pub/Sub: `() => pick(cluster.nodes()).duplicate({ ... })`. A `Cluster` itself
   * works too, but when it loses its subscriber it subscribes on another node by itself and
   * tells nobody: what was published meanwhile is found out by the next re-list alone.
   */
  readonly redis: RedisConnection | (() => SubscriberConnection)
  /** See {@link channelFor}. */
  readonly channel: Channel
  /** For everything up to the reply to SUBSCRIBE: TCP, TLS, AUTH. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /** Between the answer to a PING and the next PING. `Duration.infinity` sends none. */
  readonly heartbeatInterval?: Duration.DurationInput | undefined
  /**
   * How long the answer to a PING may take. One that messages hold up for longer counts as
   * none: they are as late, and the list that follows a new subscription is not.
   */
  readonly heartbeatTimeout?: Duration.DurationInput | undefined
  readonly backoff?: RedisBackoff | undefined
}

/** What holds where an option is left out. */
export const defaults = {
  connectTimeout: Duration.seconds(5),
  heartbeatInterval: Duration.seconds(15),
  heartbeatTimeout: Duration.seconds(5),
  backoff: {
    base: Duration.millis(200),
    cap: Duration.seconds(30),
    resetAfter: Duration.minutes(1)
  }
} as const

/**
 * The channel an environment's events are published on, `tenant-events:{env}:`; without
 * an environment the pattern of every channel there is, `tenant-events:*`.
 */
export const channelFor = (environment: string | undefined): Channel =>
  environment === undefined || environment.trim() === ""
    ? { _tag: "Pattern", pattern: "tenant-events:*" }
    : { _tag: "Exact", channel: `tenant-events:${environment}:` }

/** The adapter. It connects at `subscribe` only, once for each. */
export const make = (options: RedisTenantEventsOptions): TenantEvents["Type"] => {
  const settings = settingsOf(options)
  return { subscribe: (sink) => subscribe(settings, sink) }
}

/** {@link make} as a layer. Building it connects nothing and cannot fail. */
export const layer = (options: RedisTenantEventsOptions): Layer.Layer<TenantEvents> =>
  Layer.sync(TenantEvents, () => make(options))

const settingsOf = (options: RedisTenantEventsOptions): Settings => ({
  ...placeOf(options.redis),
  channel: options.channel,
  connectTimeout: Duration.decode(options.connectTimeout ?? defaults.connectTimeout),
  heartbeatInterval: Duration.decode(options.heartbeatInterval ?? defaults.heartbeatInterval),
  heartbeatTimeout: Duration.decode(options.heartbeatTimeout ?? defaults.heartbeatTimeout),
  backoff: {
    base: Duration.decode(options.backoff?.base ?? defaults.backoff.base),
    cap: Duration.decode(options.backoff?.cap ?? defaults.backoff.cap),
    resetAfter: Duration.decode(options.backoff?.resetAfter ?? defaults.backoff.resetAfter)
  }
})

const placeOf = (redis: RedisTenantEventsOptions["redis"]) => {
  if (typeof redis === "function") {
    return { connection: redis, server: "Redis", tls: undefined, secrets: [] }
  }
  const password = passwordOf(redis)
  return {
    connection: () => open(redis),
    server: `Redis at ${redis.host.includes(":") ? `[${redis.host}]` : redis.host}:${redis.port}`,
    tls: redis.tls !== undefined && redis.tls !== false,
    secrets: password === undefined ? [] : [password]
  }
}

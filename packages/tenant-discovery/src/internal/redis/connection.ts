/**
 * The part of ioredis that a subscription uses, and how each attempt gets a connection.
 */
import { Cause, Effect, Redacted, Schema } from "effect"
import { Redis } from "ioredis"
import { isIP } from "node:net"
import { count, decodeOptions, name } from "../options.js"

/**
 * A connection that can subscribe. `Redis` of ioredis 5 and 6 is one; the types of the two
 * lines are not assignable to each other.
 */
export interface SubscriberConnection {
  readonly status: string
  connect(): Promise<unknown>
  disconnect(): void
  subscribe(channel: string): Promise<unknown>
  psubscribe(pattern: string): Promise<unknown>
  ping(): Promise<unknown>
  on(event: string, listener: SubscriberListener): unknown
  removeListener(event: string, listener: SubscriberListener): unknown
}

/** `message` passes texts, `error` one argument of any type, other events none. */
export type SubscriberListener = (first: string, second: string, third: string) => void

/** A `Redis` of ioredis 5 or 6. It is duplicated; the instance itself is never used. */
export interface RedisClient {
  duplicate(override: object): SubscriberConnection
}

/** A `Cluster` of ioredis 5 or 6. Its nodes are duplicated; it is never used itself. */
export interface RedisClusterClient {
  nodes(): ReadonlyArray<RedisClient>
}

/** A secret, or an effect that reads it, run at each connection. */
export type RedisCredential = Redacted.Redacted | Effect.Effect<Redacted.Redacted, unknown>

export interface RedisAddress {
  readonly host: string
  /** From 1 to 65535. */
  readonly port: number
}

export interface RedisTls {
  /** PEM: the only trusted roots when given. Default: those of Node. */
  readonly ca?: string | undefined
  /** The name that the certificate must carry. Default: the host. */
  readonly servername?: string | undefined
}

export interface RedisLogin {
  /** The ACL user. Default: Redis' default user. */
  readonly username?: string | undefined
  /** Default: none; an empty one counts as none. An effect that fails loses the attempt. */
  readonly password?: RedisCredential | undefined
  /** TLS 1.2 or later. Default: `false`, no TLS. */
  readonly tls?: false | RedisTls | undefined
}

/** One server. */
export interface RedisConnection extends RedisAddress, RedisLogin {}

/** A master that sentinels name. `tls` applies to the sentinels too. */
export interface RedisSentinels extends RedisLogin {
  /** Tried in order; each attempt starts at the next one. */
  readonly sentinels: ReadonlyArray<RedisAddress>
  /** The name of the master. */
  readonly name: string
  readonly sentinelUsername?: string | undefined
  readonly sentinelPassword?: RedisCredential | undefined
}

/** Nodes of a Redis Cluster, one each attempt: every node carries all ordinary Pub/Sub. */
export interface RedisClusterNodes extends RedisLogin {
  readonly cluster: ReadonlyArray<RedisAddress>
}

/** What the option `redis` accepts. */
export type RedisSource =
  | RedisConnection
  | RedisSentinels
  | RedisClusterNodes
  | RedisClient
  | RedisClusterClient
  | (() => SubscriberConnection)

/** A connection that has not connected yet, and what messages may say about it. */
export interface Opened {
  readonly connection: SubscriberConnection
  readonly server: string
  readonly tls: boolean | undefined
  readonly secrets: ReadonlyArray<string>
}

export interface Endpoint {
  /** For messages and logs. */
  readonly server: string
  /** Dies when the source can never work. */
  readonly check: Effect.Effect<void>
  /** A new connection for attempt number `turn`, which picks the address. */
  readonly open: (turn: number) => Effect.Effect<Opened, unknown>
}

const port = count(1).pipe(
  Schema.filter((input) => input <= 65_535 || `expected a port from 1 to 65535, got ${input}`)
)
const Address = Schema.Struct({ host: name, port })
const Addresses = Schema.NonEmptyArray(Address)

// The default message would show the value.
const Credential = Schema.declare(
  (input): input is RedisCredential => Redacted.isRedacted(input) || Effect.isEffect(input),
  { message: () => "expected a Redacted, or an Effect of one" }
)

const login = {
  username: Schema.optional(Schema.String),
  password: Schema.optional(Credential),
  tls: Schema.optional(
    // The struct first: its issues name the field.
    Schema.Union(
      Schema.Struct({ ca: Schema.optional(name), servername: Schema.optional(name) }),
      Schema.Literal(false)
    )
  )
}
const One = Schema.Struct({ ...Address.fields, ...login })
const Nodes = Schema.Struct({ cluster: Addresses, ...login })
const Sentinels = Schema.Struct({
  sentinels: Addresses,
  name,
  sentinelUsername: Schema.optional(Schema.String),
  sentinelPassword: Schema.optional(Credential),
  ...login
})

/** Options that every subscriber has, a duplicate of the program's own client included. */
const subscriberOptions = {
  lazyConnect: true,
  // The attempts, the subscription and its time limits are the loop's.
  retryStrategy: () => null,
  sentinelRetryStrategy: () => null,
  reconnectOnError: null,
  connectTimeout: 0,
  commandTimeout: undefined,
  socketTimeout: undefined,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  enableOfflineQueue: false,
  enableAutoPipelining: false,
  maxRetriesPerRequest: null,
  // INFO needs a permission of its own; PING tells whether the server is ready.
  enableReadyCheck: false,
  // Closes the socket of a server that hangs.
  disconnectTimeout: 20,
  // Without it a silent sentinel blocks the attempt, and its socket stays open.
  sentinelCommandTimeout: 500,
  keyPrefix: "",
  connectionName: "tenant-discovery",
  disableClientInfo: true
}

/** @throws RangeError for bad settings, naming the option. */
export const makeEndpoint = (owner: string, redis: RedisSource): Endpoint => {
  if (typeof redis === "function") return fromFactory(owner, redis)
  if ("nodes" in redis) return fromClients(() => redis.nodes())
  if ("duplicate" in redis) return fromClients(() => [redis])
  if ("sentinels" in redis) {
    const { redis: decoded } = decodeOptions(owner, Schema.Struct({ redis: Sentinels }), { redis })
    const { name, sentinelPassword, sentinelUsername, sentinels } = decoded
    const tls = tlsOptions(decoded)
    return fromSettings(decoded, {
      server: () => `Redis master "${name}" (sentinels ${sentinels.map(textOf).join(", ")})`,
      secrets: [decoded.password, sentinelPassword],
      make: (turn, [password, sentinelPassword]) =>
        new Redis({
          ...subscriberOptions,
          username: decoded.username,
          password,
          sentinelUsername,
          sentinelPassword,
          tls,
          sentinelTLS: tls,
          sentinels: [...sentinels.slice(turn % sentinels.length), ...sentinels].slice(
            0,
            sentinels.length
          ),
          name,
          enableTLSForSentinelMode: tls !== undefined
        })
    })
  }
  const decoded =
    "cluster" in redis
      ? decodeOptions(owner, Schema.Struct({ redis: Nodes }), { redis }).redis
      : decodeOptions(owner, Schema.Struct({ redis: One }), { redis }).redis
  const address = (turn: number) =>
    "cluster" in decoded
      ? (decoded.cluster[turn % decoded.cluster.length] ?? decoded.cluster[0])
      : decoded
  return fromSettings(decoded, {
    server: (turn) => `Redis at ${textOf(address(turn))}`,
    secrets: [decoded.password],
    make: (turn, [password]) => {
      const { host, port } = address(turn)
      const tls = tlsOptions(decoded, host)
      const { username } = decoded
      return new Redis({ ...subscriberOptions, host, port, username, password, tls })
    }
  })
}

const fromSettings = (
  { tls }: RedisLogin,
  options: {
    readonly server: (turn: number) => string
    readonly secrets: ReadonlyArray<RedisCredential | undefined>
    readonly make: (
      turn: number,
      secrets: ReadonlyArray<string | undefined>
    ) => SubscriberConnection
  }
): Endpoint => ({
  server: options.server(0),
  check: Effect.void,
  open: (turn) =>
    Effect.map(Effect.forEach(options.secrets, readCredential), (secrets) => ({
      connection: options.make(turn, secrets),
      server: options.server(turn),
      tls: tls !== undefined && tls !== false,
      secrets: secrets.filter((secret) => secret !== undefined)
    }))
})

/** A duplicate of one of the program's clients, in rotation. */
const fromClients = (clients: () => ReadonlyArray<RedisClient>): Endpoint => ({
  server: "Redis",
  check: Effect.void,
  open: (turn) =>
    Effect.try({
      try: () => {
        const all = clients()
        const client = all[turn % all.length]
        if (client === undefined) throw new Error("the Cluster knows no node yet")
        return unnamed(client.duplicate(subscriberOptions))
      },
      catch: (error) => error
    })
})

/** Connections that the program makes. Using one that is in use would break its other user. */
const fromFactory = (owner: string, make: () => SubscriberConnection): Endpoint => ({
  server: "Redis",
  // A shared client is often still connecting at the start: two calls tell it from a new one.
  check: Effect.suspend(() => {
    try {
      const first = make()
      const message = first === make() ? SHARED : misuse(first)
      return message === undefined
        ? Effect.void
        : Effect.die(new TypeError(`${owner}: option "redis": ${message}`))
    } catch {
      // `open` reports it.
      return Effect.void
    }
  }),
  open: () =>
    Effect.try({
      try: () => {
        const connection = make()
        const message = misuse(connection)
        if (message !== undefined) throw new TypeError(message)
        return unnamed(connection)
      },
      catch: (error) => error
    })
})

const SHARED =
  "the function must return a new connection each time, and it returned the same one twice; give the Redis instance itself to have it duplicated"

const misuse = ({ status }: SubscriberConnection): string | undefined =>
  status === "wait"
    ? undefined
    : `the function must return a new connection made with lazyConnect: true each time, and it returned one whose status is "${status}"`

const unnamed = (connection: SubscriberConnection): Opened => ({
  connection,
  server: "Redis",
  tls: undefined,
  secrets: []
})

/** An empty secret counts as none. */
const readCredential = (
  credential: RedisCredential | undefined
): Effect.Effect<string | undefined, unknown> => {
  if (credential === undefined) return Effect.succeed(undefined)
  if (!Effect.isEffect(credential)) return Effect.succeed(Redacted.value(credential) || undefined)
  return credential.pipe(
    Effect.map((secret) => Redacted.value(secret) || undefined),
    Effect.catchAllCause((cause) => {
      const error = Cause.squash(cause)
      const reason = error instanceof Error ? error.message : String(error)
      return Effect.fail(new Error(`the password could not be read: ${reason}`, { cause: error }))
    }),
    // One that ignores interruption must not hold up the close.
    Effect.disconnect
  )
}

const textOf = ({ host, port }: RedisAddress): string =>
  `${host.includes(":") ? `[${host}]` : host}:${port}`

/** Without a name to ask for, a proxy cannot pick the certificate; an IP address is not one. */
const tlsOptions = ({ tls }: RedisLogin, host?: string) => {
  if (tls === undefined || tls === false) return undefined
  const servername = tls.servername ?? (host === undefined || isIP(host) !== 0 ? undefined : host)
  return { minVersion: "TLSv1.2" as const, ca: tls.ca, servername }
}

/**
 * The part of ioredis that a subscription uses, and how each attempt gets a connection.
 */
import { Array as Arr, Cause, Effect, Redacted, Schema } from "effect"
import { Redis, type RedisOptions } from "ioredis"
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

/** One attempt to connect, and what messages may say about it. */
export interface Attempt {
  /** Such as `Redis at host:6379`. */
  readonly server: string
  /** Whether it uses TLS; `undefined` where the program's own client decides. */
  readonly tls: boolean | undefined
  readonly secrets: Effect.Effect<Secrets, unknown>
  /** A new connection that has not connected yet. May throw. */
  readonly make: (secrets: Secrets) => SubscriberConnection
}

/** The password and the sentinels' password. */
type Secrets = readonly [password?: string | undefined, sentinelPassword?: string | undefined]

export interface Endpoint {
  /** Dies when the source can never work. */
  readonly check?: Effect.Effect<void>
  /** Attempt number `turn`, which picks the address. */
  readonly attempt: (turn: number) => Attempt
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
  // The subscription loop makes the attempts, subscribes and sets the time limits.
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
  const decode = <A, I>(schema: Schema.Schema<A, I>): A =>
    decodeOptions(owner, Schema.Struct({ redis: schema }), { redis }).redis
  if ("sentinels" in redis) return fromSentinels(decode(Sentinels))
  if ("cluster" in redis) {
    const nodes = decode(Nodes)
    return fromAddresses(nodes, nodes.cluster)
  }
  const one = decode(One)
  return fromAddresses(one, [one])
}

const fromAddresses = (
  login: RedisLogin,
  addresses: Arr.NonEmptyReadonlyArray<RedisAddress>
): Endpoint => ({
  attempt: (turn) => {
    const [{ host, port }] = rotate(addresses, turn)
    return attemptAt(`Redis at ${textOf({ host, port })}`, login, { host, port })
  }
})

const fromSentinels = ({ name, sentinels, ...login }: typeof Sentinels.Type): Endpoint => ({
  attempt: (turn) =>
    attemptAt(`Redis master "${name}" (sentinels ${sentinels.map(textOf).join(", ")})`, login, {
      name,
      sentinels: [...rotate(sentinels, turn)]
    })
})

/** What is undefined or about sentinels is ignored by ioredis where it connects to one server. */
const attemptAt = (
  server: string,
  login: RedisLogin & Pick<RedisSentinels, "sentinelUsername" | "sentinelPassword">,
  target: Pick<RedisOptions, "host" | "port" | "name" | "sentinels">
): Attempt => {
  const { sentinelUsername, username } = login
  const tls = tlsOptions(login, target.host)
  return {
    server,
    tls: tls !== undefined,
    secrets: Effect.all([read(login.password), read(login.sentinelPassword)]),
    make: ([password, sentinelPassword]) =>
      new Redis({
        ...subscriberOptions,
        ...target,
        username,
        password,
        sentinelUsername,
        sentinelPassword,
        tls,
        sentinelTLS: tls,
        enableTLSForSentinelMode: tls !== undefined
      })
  }
}

/** The program's own client decides what it connects to. */
const foreign = (make: () => SubscriberConnection): Attempt => ({
  server: "Redis",
  tls: undefined,
  secrets: Effect.succeed([]),
  make
})

/** A duplicate of one of the program's clients, in rotation. */
const fromClients = (clients: () => ReadonlyArray<RedisClient>): Endpoint => ({
  attempt: (turn) =>
    foreign(() => {
      const all = clients()
      const client = all[turn % all.length]
      if (client === undefined) throw new Error("the Cluster knows no node yet")
      return client.duplicate(subscriberOptions)
    })
})

/** Connections that the program makes. Using one that is in use would break its other user. */
const fromFactory = (owner: string, make: () => SubscriberConnection): Endpoint => ({
  // A shared client is often still connecting at the start: two calls tell it from a new one.
  check: Effect.try(() => {
    const first = make()
    return first === make() ? SHARED : misuse(first)
  }).pipe(
    // The attempt reports what the function throws.
    Effect.orElseSucceed(() => undefined),
    Effect.filterOrDie(
      (message) => message === undefined,
      (message) => new TypeError(`${owner}: option "redis": ${message}`)
    ),
    Effect.asVoid
  ),
  attempt: () =>
    foreign(() => {
      const connection = make()
      const message = misuse(connection)
      if (message !== undefined) throw new TypeError(message)
      return connection
    })
})

const SHARED =
  "the function must return a new connection each time, and it returned the same one twice; give the Redis instance itself to have it duplicated"

const misuse = ({ status }: SubscriberConnection): string | undefined =>
  status === "wait"
    ? undefined
    : `the function must return a new connection made with lazyConnect: true each time, and it returned one whose status is "${status}"`

/** An empty secret counts as none. */
const read = (credential?: RedisCredential): Effect.Effect<string | undefined, unknown> => {
  if (credential === undefined) return Effect.succeed(credential)
  const secret = Redacted.isRedacted(credential) ? Effect.succeed(credential) : credential
  return secret.pipe(
    Effect.map((redacted) => Redacted.value(redacted) || undefined),
    Effect.sandbox,
    Effect.mapError((cause) => {
      const [error] = Cause.prettyErrors(cause)
      return new Error(`the password could not be read: ${error?.message}`, { cause: error })
    }),
    // An effect that ignores interruption must not delay the close.
    Effect.disconnect
  )
}

const rotate = <A>(all: Arr.NonEmptyReadonlyArray<A>, turn: number) =>
  Arr.rotate(all, -(turn % all.length))

const textOf = ({ host, port }: RedisAddress): string =>
  `${host.includes(":") ? `[${host}]` : host}:${port}`

/** Without a name to ask for, a proxy cannot pick the certificate; an IP address is not one. */
const tlsOptions = ({ tls }: RedisLogin, host?: string) => {
  if (tls === undefined || tls === false) return undefined
  const servername = tls.servername ?? (host === undefined || isIP(host) !== 0 ? undefined : host)
  return { minVersion: "TLSv1.2" as const, ca: tls.ca, servername }
}

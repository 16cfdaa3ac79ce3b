/**
 * The part of ioredis that a subscription uses, and how a connection of our own is made.
 */
import { Redis } from "ioredis"
import { isIP } from "node:net"
import { Redacted } from "effect"

/**
 * A connection that can subscribe: `Redis` and `Cluster` of ioredis 5 and 6 are such.
 * (Their own types are not assignable to each other, and 5's and 6's neither.)
 */
export interface SubscriberConnection {
  readonly status: string
  readonly isCluster?: boolean
  /** The socket, where there is a single one. */
  readonly stream?: SubscriberSocket
  connect(): Promise<unknown>
  disconnect(): void
  subscribe(channel: string): Promise<unknown>
  psubscribe(pattern: string): Promise<unknown>
  ping(): Promise<unknown>
  on(event: string, listener: SubscriberListener): unknown
  removeListener(event: string, listener: SubscriberListener): unknown
}

/** Messages come as texts; `error` has one argument of any type, the other events none. */
export type SubscriberListener = (first: string, second: string, third: string) => void

/** What is asked of a connection's socket. */
export interface SubscriberSocket {
  readonly connecting?: boolean
  /** Set on those that speak TLS. */
  readonly encrypted?: boolean
  destroy(): unknown
}

/** Where Redis is, and who asks. */
export interface RedisConnection {
  readonly host: string
  readonly port: number
  /** For Redis ACLs; without it the password is the default user's. */
  readonly username?: string | undefined
  /** An empty one counts as none. */
  readonly password?: Redacted.Redacted | undefined
  /** TLS 1.2 or later; without it, or `false`, plain. */
  readonly tls?:
    | false
    | {
        /** PEM: the only roots trusted when given; else those of Node. */
        readonly ca?: string | undefined
        /** The name the certificate must be for; `host` without it. */
        readonly servername?: string | undefined
      }
    | undefined
}

/** Makes a connection of its own, not connected yet, that does nothing by itself. */
export const open = (settings: RedisConnection): SubscriberConnection => {
  const password = passwordOf(settings)
  const tls = settings.tls === undefined || settings.tls === false ? undefined : settings.tls
  const redis = new Redis({
    host: settings.host,
    port: settings.port,
    ...(settings.username === undefined ? undefined : { username: settings.username }),
    ...(password === undefined ? undefined : { password }),
    ...(tls === undefined
      ? undefined
      : { tls: { minVersion: "TLSv1.2", ...serverName(settings.host, tls), ...roots(tls) } }),
    // The name in CLIENT LIST. Its reply, whatever it is, also tells that AUTH was answered.
    connectionName: "tenant-discovery",
    disableClientInfo: true,
    lazyConnect: true,
    // The attempts, the subscription and the time each may take are the loop's business.
    retryStrategy: () => null,
    connectTimeout: 0,
    disconnectTimeout: 0,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: null,
    // INFO needs a permission of its own, and a server that is loading takes subscribers.
    enableReadyCheck: false
  })
  return redis
}

type Tls = Exclude<RedisConnection["tls"], false | undefined>

// Without a name to ask for, a proxy that serves many cannot tell which certificate to show.
// An IP address is not allowed as one.
const serverName = (host: string, tls: Tls) => {
  const servername = tls.servername ?? (isIP(host) === 0 ? host : undefined)
  return servername === undefined ? undefined : { servername }
}

const roots = (tls: Tls) => (tls.ca === undefined ? undefined : { ca: tls.ca })

/** The password, where there is one; an empty one counts as none. */
export const passwordOf = (settings: RedisConnection): string | undefined =>
  settings.password === undefined ? undefined : Redacted.value(settings.password) || undefined

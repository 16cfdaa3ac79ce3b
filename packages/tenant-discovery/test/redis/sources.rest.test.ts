/** What the option `redis` accepts beside one address. */
import { describe, expect } from "@effect/vitest"
import { RedisServer } from "@tenant-discovery/simulator"
import { Data, Effect, Exit, Redacted } from "effect"
import { Cluster, Redis } from "ioredis"
import { Cluster as Cluster6, Redis as Redis6 } from "ioredis6"
import * as os from "node:os"
import * as path from "node:path"
import type {
  RedisClient,
  RedisSource,
  SubscriberConnection
} from "tenant-discovery/RedisTenantEvents"
import { channelName, closingServers, hasNative, kind, subscribed } from "./support.js"
import { temporaryFolder } from "../package/support.js"
import { eventually, live, liveEach, until } from "../support/live.js"

interface ClientOptions {
  readonly host: string
  readonly port: number
  readonly password?: string
  readonly lazyConnect?: boolean
  readonly retryStrategy?: () => number
  readonly keyPrefix?: string
  readonly commandTimeout?: number
  readonly enableAutoPipelining?: boolean
  readonly reconnectOnError?: () => boolean
}

interface ProgramClient extends SubscriberConnection, RedisClient {
  readonly mode: string
  set(key: string, value: string): Promise<unknown>
  get(key: string): Promise<unknown>
  listenerCount(event: string): number
}

const clients: ReadonlyArray<{
  readonly version: string
  readonly client: (options: ClientOptions) => ProgramClient
  readonly ClusterClient: typeof Cluster | typeof Cluster6
}> = [
  { version: "ioredis 5", client: (options) => new Redis(options), ClusterClient: Cluster },
  { version: "ioredis 6", client: (options) => new Redis6(options), ClusterClient: Cluster6 }
]

/** A client of the program's own, disconnected with the test. */
const owned = <A extends { disconnect(): void; on(event: "error", f: () => void): unknown }>(
  make: () => A
) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const client = make()
      client.on("error", () => {})
      return client
    }),
    (client) => Effect.sync(() => client.disconnect())
  )

describe.each(clients)("a Redis instance of $version", ({ client: make }) => {
  live("is duplicated, and stays usable for other commands", function* () {
    const server = yield* RedisServer.make({ kind, password: "horse" })
    const { host, port } = server
    // Options that suit an application and would break a subscriber.
    const client = yield* owned(() =>
      make({
        host,
        port,
        password: "horse",
        keyPrefix: "app:",
        commandTimeout: 5000,
        enableAutoPipelining: true,
        reconnectOnError: () => true
      })
    )
    yield* Effect.promise(() => client.set("key", "value"))
    const recorder = yield* subscribed(client)
    yield* recorder.seen("Alive", 2)
    yield* server.command("CLIENT", "KILL", "TYPE", "pubsub")
    yield* recorder.seen("Subscribed", 2)
    yield* server.command("PUBLISH", channelName, "once")
    yield* recorder.seen("Messages")
    yield* recorder.seen("Alive", recorder.count("Alive") + 2)
    expect(recorder.messages).toEqual(["once"])
    expect(client.mode).toBe("normal")
    expect(client.listenerCount("message")).toBe(0)
    expect(yield* Effect.promise(() => client.get("key"))).toBe("value")
  })
})

describe.each(clients)("a function, with $version", ({ client: make }) => {
  live("gives each attempt a connection", function* () {
    const server = yield* RedisServer.make({ kind })
    const { host, port } = server
    const recorder = yield* subscribed(
      // One that would reconnect by itself gets one session all the same.
      () => make({ host, port, lazyConnect: true, retryStrategy: () => 1 })
    )
    yield* recorder.seen("Subscribed")
    yield* server.command("CLIENT", "KILL", "TYPE", "pubsub")
    yield* recorder.seen("Subscribed", 2)
    yield* server.command("PUBLISH", channelName, "once")
    yield* recorder.seen("Messages")
    yield* recorder.seen("Alive", recorder.count("Alive") + 2)
    expect(recorder.messages).toEqual(["once"])
  })

  liveEach([
    ["while it connects", false],
    ["before it connects", true]
  ] as const)(
    "that returns the program's client %s is refused, and the client stays usable",
    function* ([, lazyConnect]) {
      const { host, port } = yield* RedisServer.make({ kind })
      const shared = yield* owned(() => make({ host, port, lazyConnect }))
      const exit = yield* Effect.exit(subscribed(() => shared))
      expect(Exit.isFailure(exit) && String(exit.cause)).toMatch(/option "redis": .*same one twice/)
      expect(yield* Effect.promise(() => shared.ping())).toBe("PONG")
      expect(shared.mode).toBe("normal")
      expect(shared.listenerCount("message")).toBe(0)
    }
  )

  live("that returns clients in use is refused", function* () {
    const { host, port } = yield* RedisServer.make({ kind })
    const client = owned(() => make({ host, port }))
    const pool = [yield* client, yield* client]
    let calls = 0
    const exit = yield* Effect.exit(subscribed(() => pool[calls++ % 2] ?? make({ host, port })))
    expect(Exit.isFailure(exit) && String(exit.cause)).toMatch(/lazyConnect: true.*"connecting"/)
  })

  live("that later returns a used connection loses the subscription and says why", function* () {
    const server = yield* RedisServer.make({ kind })
    const { host, port } = server
    const third = make({ host, port, lazyConnect: true })
    let calls = 0
    const recorder = yield* subscribed(() =>
      calls++ < 2 ? make({ host, port, lazyConnect: true }) : third
    )
    yield* recorder.seen("Subscribed")
    yield* server.command("CLIENT", "KILL", "TYPE", "pubsub")
    yield* recorder.lostWith(/must return a new connection.*"(?:end|reconnecting)"/)
  })
})

describe("a function that throws", () => {
  live("is a failed attempt", function* () {
    const recorder = yield* subscribed(() => {
      throw new Error("no such service")
    })
    const message = "cannot connect to Redis: no such service"
    expect(yield* recorder.firstCause).toEqual({ _tag: "ConnectFailed", message })
  })
})

class TokenExpired extends Data.TaggedError("TokenExpired")<{ readonly message: string }> {}

describe("a password that is an effect", () => {
  live("is read at each connection", function* () {
    const server = yield* RedisServer.make({ kind, password: "first" })
    let current = "first"
    let reads = 0
    const password = Effect.sync(() => {
      reads++
      return Redacted.make(current)
    })
    const recorder = yield* subscribed({ host: server.host, port: server.port, password })
    yield* recorder.seen("Subscribed")
    expect(reads).toBe(1)
    yield* server.command("CONFIG", "SET", "requirepass", "second")
    current = "second"
    yield* server.command("CLIENT", "KILL", "TYPE", "pubsub").pipe(Effect.orElse(() => Effect.void))
    const admin = yield* owned(
      () => new Redis({ host: server.host, port: server.port, password: "second" })
    )
    yield* Effect.promise(() => admin.call("CLIENT", "KILL", "TYPE", "pubsub"))
    yield* recorder.seen("Subscribed", 2)
    expect(reads).toBe(2)
  })

  live("that fails, or never ends, is a failed attempt with its reason", function* () {
    const server = yield* RedisServer.make({ kind, password: "horse" })
    let read: Effect.Effect<Redacted.Redacted, TokenExpired> = new TokenExpired({
      message: "the token expired"
    })
    const recorder = yield* subscribed(
      { host: server.host, port: server.port, password: Effect.suspend(() => read) },
      { connectTimeout: "300 millis" }
    )
    yield* recorder.lostWith(/password could not be read: the token expired/)
    read = Effect.uninterruptible(Effect.never)
    yield* recorder.lostWith(/password was not read within 300ms/)
    read = Effect.succeed(Redacted.make("horse"))
    yield* recorder.seen("Subscribed")
    expect(recorder.causes.map(({ _tag }) => _tag)).toEqual(["ConnectFailed", "ConnectFailed"])
    expect(JSON.stringify(recorder.causes)).not.toContain("horse")
  })
})

describe("a list of cluster nodes", () => {
  live("is tried in rotation", function* () {
    const { asked, servers: cluster } = yield* closingServers("a", "b", "c")
    const recorder = yield* subscribed({ cluster })
    yield* until(() => asked.length >= 6)
    expect(asked.slice(0, 6).join("")).toBe("abcabc")
    // The reason names the node, so each is reported.
    expect(recorder.causes[1]?.message).toContain(`127.0.0.1:${cluster[1]?.port}`)
  })
})

/** Three real nodes that know each other. */
const makeCluster = Effect.gen(function* () {
  const folder = yield* temporaryFolder(os.tmpdir())
  const nodes = yield* Effect.forEach([0, 1, 2], (n) =>
    RedisServer.make({
      kind: "native",
      nativeConfig: [
        "cluster-enabled yes",
        `cluster-config-file ${path.join(folder, `nodes-${n}.conf`)}`,
        "cluster-node-timeout 60000"
      ]
    })
  )
  for (const [n, node] of nodes.entries()) {
    const first = [0, 5461, 10_923][n] ?? 0
    const last = [5460, 10_922, 16_383][n] ?? 0
    yield* node.command("CLUSTER", "ADDSLOTSRANGE", first, last)
    for (const other of nodes) yield* node.command("CLUSTER", "MEET", other.host, other.port)
  }
  for (const node of nodes) {
    yield* eventually(node.command("CLUSTER", "INFO"), (info) =>
      /state:ok[^]*known_nodes:3/.test(String(info))
    )
  }
  return nodes
})

describe.runIf(hasNative)("a real cluster", () => {
  const subscribers = (node: RedisServer.RedisServer) =>
    Effect.map(node.command("PUBSUB", "NUMSUB", channelName), (reply) =>
      Number(String(reply).split(",")[1])
    )

  /** Delivers from every node, and moves to another node when the subscribed one ends. */
  const survives = (nodes: ReadonlyArray<RedisServer.RedisServer>, redis: RedisSource) =>
    Effect.gen(function* () {
      const recorder = yield* subscribed(redis)
      yield* recorder.seen("Subscribed")
      for (const node of nodes) yield* node.command("PUBLISH", channelName, `from ${node.port}`)
      yield* recorder.seen("Messages", 3)
      const counts = yield* Effect.forEach(nodes, subscribers)
      expect([...counts].sort((a, b) => a - b)).toEqual([0, 0, 1])
      const node = nodes[counts.indexOf(1)]
      yield* node?.kill ?? Effect.void
      yield* recorder.seen("Subscribed", 2)
      const left = nodes.filter((one) => one !== node)
      yield* left[0]?.command("PUBLISH", channelName, "from a survivor") ?? Effect.void
      yield* recorder.seen("Messages", 4)
      expect(recorder.messages.at(-1)).toBe("from a survivor")
      expect(recorder.causes[0]?._tag).toBe("ConnectionLost")
    })

  live("by a list of its nodes", function* () {
    const nodes = yield* makeCluster
    yield* survives(nodes, { cluster: nodes.map(({ host, port }) => ({ host, port })) })
  })

  liveEach(clients)("by a Cluster instance of $version", function* ({ ClusterClient }) {
    const nodes = yield* makeCluster
    const cluster = yield* owned(
      () => new ClusterClient(nodes.map(({ host, port }) => ({ host, port })))
    )
    yield* Effect.promise(() => cluster.set("key", "value"))
    yield* survives(nodes, cluster)
    expect(cluster.listenerCount("message")).toBe(0)
  })
})

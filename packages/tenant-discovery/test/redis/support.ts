import { RedisServer } from "@tenant-discovery/simulator"
import { Effect, Redacted, type Scope } from "effect"
import { Redis as Redis6 } from "ioredis6"
import * as net from "node:net"
import * as RedisTenantEvents from "tenant-discovery/RedisTenantEvents"
import type { LostCause, SignalSink } from "../../src/TenantEvents.js"
import { listen } from "../support/listen.js"
import { until } from "../support/live.js"

const available = await Effect.runPromise(RedisServer.available)

/** The kinds of server that run here. */
export const kinds = (["native", "embedded"] as const).filter((kind) => available.includes(kind))

/** Whether tests that need a native server run here. */
export const hasNative = available.includes("native")

export const kind = hasNative ? "native" : "embedded"

if (!hasNative) {
  console.warn("Left out: tests on a native server; redis-server and valkey-server are missing")
}

export type Version = "ioredis 5" | "ioredis 6"
/** The quick suite tests one line. */
export const versions: ReadonlyArray<Version> =
  process.env["TEST_SUITE"] === "quick" ? ["ioredis 5"] : ["ioredis 5", "ioredis 6"]

/** Every kind of server with every client. */
export const matrix = kinds.flatMap((kind) => versions.map((version) => ({ kind, version })))

export interface Target {
  readonly host: string
  readonly port: number
  readonly username?: string | undefined
  readonly password?: Redacted.Redacted | undefined
}

/** The same connection by either client: 5 by settings, 6 by an instance that is duplicated. */
export const connection = (
  version: Version,
  { host, password, port, username }: Target
): RedisTenantEvents.RedisSource =>
  version === "ioredis 5"
    ? { host, port, username, password }
    : new Redis6({
        host,
        port,
        username,
        password: password === undefined ? undefined : Redacted.value(password),
        lazyConnect: true
      })

type Signal =
  | { readonly _tag: "Subscribed" }
  | { readonly _tag: "Messages"; readonly messages: ReadonlyArray<string> }
  | { readonly _tag: "Alive"; readonly sentAt: bigint }
  | { readonly _tag: "Lost"; readonly cause: LostCause }

/** A sink that records its signals. */
export class Recorder implements SignalSink {
  readonly signals: Array<Signal> = []

  readonly subscribed = () => this.#record({ _tag: "Subscribed" })
  readonly message = (raw: string) => this.#record({ _tag: "Messages", messages: [raw] })
  readonly alive = (sentAt: bigint) => this.#record({ _tag: "Alive", sentAt })
  readonly lost = (cause: Extract<Signal, { _tag: "Lost" }>["cause"]) =>
    this.#record({ _tag: "Lost", cause })

  /** The tags without heartbeats; a loss counts once, however often its cause changes. */
  get tags(): ReadonlyArray<string> {
    return this.signals
      .map((signal) => signal._tag)
      .filter((tag) => tag !== "Alive")
      .filter((tag, index, all) => tag !== "Lost" || all[index - 1] !== "Lost")
  }

  get messages(): ReadonlyArray<string> {
    return this.signals.flatMap((signal) => (signal._tag === "Messages" ? signal.messages : []))
  }

  get causes() {
    return this.signals.flatMap((signal) => (signal._tag === "Lost" ? [signal.cause] : []))
  }

  count(tag: Signal["_tag"]): number {
    return this.signals.filter((signal) => signal._tag === tag).length
  }

  /** Waits for the condition; dies with all signals when it does not hold in time. */
  until(condition: () => boolean): Effect.Effect<void> {
    return Effect.catchAllDefect(until(condition), () =>
      Effect.dieMessage(`not in time; so far: ${String(this.tags)} ${JSON.stringify(this.causes)}`)
    )
  }

  /** Waits until a signal was recorded so many times. */
  readonly seen = (tag: Signal["_tag"], times = 1) => this.until(() => this.count(tag) >= times)

  /** Waits for a loss. The first cause. */
  readonly firstCause = Effect.map(this.seen("Lost"), () => this.causes[0])

  /** Waits for a cause whose message matches. */
  readonly lostWith = (pattern: RegExp) =>
    this.until(() => this.causes.some(({ message }) => pattern.test(message)))

  #record(signal: Signal): void {
    this.signals.push(signal)
  }
}

export const channel = RedisTenantEvents.channelFor("test")
export const channelName = "tenant-events:test:"

/** Quick enough for tests, slow enough for a busy machine. */
export const quick = {
  connectTimeout: "2 seconds",
  heartbeatInterval: "50 millis",
  heartbeatTimeout: "700 millis",
  backoff: { base: "20 millis", cap: "100 millis", resetAfter: "1 minute" }
} as const

/** A subscription in the test's scope, recorded. */
export const subscribed = (
  redis: RedisTenantEvents.RedisSource,
  options?: Partial<RedisTenantEvents.RedisTenantEventsOptions>,
  beforeMessage?: (raw: string) => void
): Effect.Effect<Recorder, never, Scope.Scope> => {
  const recorder = new Recorder()
  return RedisTenantEvents.make({ redis, channel, ...quick, ...options })
    .subscribe({
      subscribed: () => recorder.subscribed(),
      message: (raw) => {
        beforeMessage?.(raw)
        recorder.message(raw)
      },
      alive: (sentAt) => recorder.alive(sentAt),
      lost: (cause) => recorder.lost(cause)
    })
    .pipe(Effect.as(recorder))
}

/** A server of this kind, with a subscription over this client that the server has acknowledged. */
export const started = (
  { kind, version }: (typeof matrix)[number],
  options?: Parameters<typeof subscribed>[1]
) =>
  Effect.gen(function* () {
    const server = yield* RedisServer.make({ kind })
    const recorder = yield* subscribed(connection(version, server), options)
    yield* recorder.seen("Subscribed")
    return { server, recorder }
  })

/** The number of resources of one type that keep this process alive. */
export const activeResources = (type: string) =>
  process.getActiveResourcesInfo().filter((name) => name === type).length

/** A server that answers every chunk of bytes in its own way. */
export const fakeServer = (
  onData: (socket: net.Socket, data: Buffer) => void
): Effect.Effect<Target, never, Scope.Scope> =>
  listen(net.createServer((socket) => socket.on("data", (data) => onData(socket, data)))).pipe(
    Effect.map((port) => ({ host: "127.0.0.1", port }))
  )

/** Servers that close each connection; `asked` has the names of those that were asked, in order. */
export const closingServers = (...names: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const asked: Array<string> = []
    const servers = yield* Effect.forEach(names, (name) =>
      fakeServer((socket) => {
        asked.push(name)
        socket.destroy()
      })
    )
    return { asked, servers }
  })

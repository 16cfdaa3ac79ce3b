import { RedisServer } from "@tenant-discovery/simulator"
import { Effect, Redacted, Schedule, type Scope } from "effect"
import { Redis as Redis6 } from "ioredis6"
import * as RedisTenantEvents from "tenant-discovery/RedisTenantEvents"
import type { Signal, SignalSink } from "../../src/TenantEvents.js"

const available = await Effect.runPromise(RedisServer.available)

/** The servers that can be run here. */
export const kinds = (["native", "embedded"] as const).filter((kind) => available.includes(kind))

/** Whether what only a native server does can be tested here. */
export const hasNative = available.includes("native")
if (!hasNative) {
  console.warn("Left out: tests on a native server; neither redis-server nor valkey-server is here")
}

export type Version = "ioredis 5" | "ioredis 6"
/** The quick suite tests one line. */
export const versions: ReadonlyArray<Version> =
  process.env["TEST_SUITE"] === "quick" ? ["ioredis 5"] : ["ioredis 5", "ioredis 6"]

/** Every server with every client. */
export const matrix = kinds.flatMap((kind) => versions.map((version) => ({ kind, version })))

/** The same connection by either client; 5 by settings, 6 by a factory. */
export const connection = (
  version: Version,
  settings: Omit<RedisTenantEvents.RedisConnection, "tls">
): RedisTenantEvents.RedisTenantEventsOptions["redis"] =>
  version === "ioredis 5"
    ? {
        host: settings.host,
        port: settings.port,
        username: settings.username,
        password: settings.password
      }
    : () =>
        new Redis6({
          host: settings.host,
          port: settings.port,
          ...(settings.username === undefined ? {} : { username: settings.username }),
          ...(settings.password === undefined
            ? {}
            : { password: Redacted.value(settings.password) }),
          lazyConnect: true,
          autoResubscribe: false,
          retryStrategy: () => null
        })

/** A sink that remembers, and wakes whoever waits for something to have been told. */
export class Recorder implements SignalSink {
  readonly signals: Array<Signal> = []
  readonly #waiting = new Set<() => void>()

  readonly subscribed = () => this.#tell({ _tag: "Subscribed" })
  readonly message = (raw: string) => this.#tell({ _tag: "Messages", messages: [raw] })
  readonly alive = (sentAt: bigint) => this.#tell({ _tag: "Alive", sentAt })
  readonly lost = (cause: Extract<Signal, { _tag: "Lost" }>["cause"]) =>
    this.#tell({ _tag: "Lost", cause })

  /** What was told, without heartbeats; a loss once, however often its reason changed. */
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

  /** Once the condition holds; fails with all that was told when it does not in time. */
  until(condition: () => boolean): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      const check = () => {
        if (!condition()) return
        this.#waiting.delete(check)
        resume(Effect.void)
      }
      this.#waiting.add(check)
      check()
      return Effect.sync(() => this.#waiting.delete(check))
    }).pipe(
      Effect.timeoutFail({
        duration: "10 seconds",
        onTimeout: () =>
          new Error(`not told in time; so far: ${String(this.tags)} ${JSON.stringify(this.causes)}`)
      }),
      Effect.orDie
    )
  }

  /** Once something was told so many times. */
  readonly seen = (tag: Signal["_tag"], times = 1) => this.until(() => this.count(tag) >= times)

  #tell(signal: Signal): void {
    this.signals.push(signal)
    for (const check of this.#waiting) check()
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
  redis: RedisTenantEvents.RedisTenantEventsOptions["redis"],
  options?: Partial<RedisTenantEvents.RedisTenantEventsOptions>,
  beforeMessage?: (raw: string) => void
): Effect.Effect<Recorder, never, Scope.Scope> => {
  const recorder = new Recorder()
  const message = (raw: string) => {
    beforeMessage?.(raw)
    recorder.message(raw)
  }
  const { alive, lost, subscribed: told } = recorder
  return RedisTenantEvents.make({ redis, channel, ...quick, ...options })
    .subscribe({ alive, lost, message, subscribed: told })
    .pipe(Effect.as(recorder))
}

/** Retries a condition until it holds. */
export const eventually = (what: string, condition: Effect.Effect<boolean>): Effect.Effect<void> =>
  condition.pipe(
    Effect.repeat({ until: (held) => held, schedule: Schedule.spaced("10 millis") }),
    Effect.timeoutFail({
      duration: "10 seconds",
      onTimeout: () => new Error(`never came true: ${what}`)
    }),
    Effect.orDie,
    Effect.asVoid
  )

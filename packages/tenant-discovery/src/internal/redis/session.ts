/**
 * The life of one connection: connect, subscribe, deliver, end. It is never reused.
 */
import { Clock, Deferred, Duration, Effect, type Scope } from "effect"
import type { LostCause, SignalSink } from "../../TenantEvents.js"
import type { Opened, SubscriberListener } from "./connection.js"
import {
  type Circumstances,
  failureMessage,
  isAuthFailure,
  isGeneric,
  isNoPermission,
  isReply,
  type Naming,
  silenceHint
} from "./failureMessage.js"

/** One channel, or every channel that a pattern matches. */
export type Channel =
  | { readonly _tag: "Exact"; readonly channel: string }
  | { readonly _tag: "Pattern"; readonly pattern: string }

/** Durations are in milliseconds. */
export interface SessionOptions {
  readonly channel: Channel
  readonly connectTimeout: number
  readonly heartbeatInterval: number
  readonly heartbeatTimeout: number
  readonly naming: Naming
}

export const nameOf = (channel: Channel): string =>
  channel._tag === "Exact" ? channel.channel : channel.pattern

/**
 * Runs until the connection ends, and fails with why; dies with what the sink throws. The sink
 * receives nothing after the scope has closed, and the close waits for no server.
 */
export const runSession = (
  options: SessionOptions,
  opened: Opened,
  sink: SignalSink,
  onSubscribed: () => void
): Effect.Effect<never, LostCause, Scope.Scope> =>
  Effect.gen(function* () {
    const { connection, server } = opened
    const ended = yield* Deferred.make<never, LostCause>()
    let phase: "Connecting" | "Subscribing" | "Subscribed" | "Ended" = "Connecting"
    let lastError: unknown = undefined

    const circumstances = (): Circumstances => ({
      ...opened,
      channel: nameOf(options.channel),
      answered: phase === "Subscribed",
      naming: options.naming
    })

    const causeOf = (error: unknown): LostCause => {
      const reason = isGeneric(error) ? lastError : error
      const text = failureMessage(reason, circumstances())
      if (phase === "Subscribed") {
        return { _tag: "ConnectionLost", message: `lost the connection to ${server}: ${text}` }
      }
      return phase === "Subscribing" && isReply(reason) && !isAuthFailure(reason)
        ? {
            _tag: "SubscribeFailed",
            message: `${server} refused SUBSCRIBE ${nameOf(options.channel)}: ${text}`
          }
        : { _tag: "ConnectFailed", message: `cannot connect to ${server}: ${text}` }
    }

    /** The first end counts. */
    const end = (how: () => Effect.Effect<never, LostCause>): void => {
      if (phase === "Ended") return
      const exit = how()
      phase = "Ended"
      Deferred.unsafeDone(ended, exit)
    }
    const closed = () => end(() => Effect.fail(causeOf(undefined)))

    /** A defect of the sink must not become an uncaught exception of ioredis' socket. */
    const signal = (deliver: () => void): void => {
      try {
        deliver()
      } catch (defect) {
        end(() => Effect.die(defect))
      }
    }

    const acknowledge = (): void => {
      if (phase !== "Subscribing") return
      phase = "Subscribed"
      lastError = undefined
      onSubscribed()
      sink.subscribed()
    }

    const deliver = (raw: string): void => {
      if (phase === "Ended") return
      try {
        // The reply to SUBSCRIBE may arrive together with messages: its promise settles later.
        if (phase !== "Subscribed") acknowledge()
        sink.message(raw)
      } catch (defect) {
        end(() => Effect.die(defect))
      }
    }

    const listeners: ReadonlyArray<readonly [event: string, listener: SubscriberListener]> = [
      options.channel._tag === "Exact"
        ? ["message", (_channel, raw) => deliver(raw)]
        : ["pmessage", (_pattern, _channel, raw) => deliver(raw)],
      [
        "error",
        (error: unknown) => {
          lastError = error
          // Before, it may concern one of several addresses; `close` follows where it is final.
          if (phase === "Subscribed") end(() => Effect.fail(causeOf(error)))
        }
      ],
      ["close", closed],
      ["end", closed]
    ]

    yield* Effect.acquireRelease(
      Effect.sync(() => {
        for (const [event, listener] of listeners) connection.on(event, listener)
      }),
      () =>
        Effect.sync(() => {
          phase = "Ended"
          // ioredis prints an `error` that has no listener.
          connection.on("error", () => {})
          for (const [event, listener] of listeners) connection.removeListener(event, listener)
          // On a connection that has ended, `disconnect` only starts a timer.
          if (connection.status !== "end") connection.disconnect()
        })
    )

    const request = (send: () => Promise<unknown>): Effect.Effect<unknown, LostCause> =>
      Effect.tryPromise({ try: send, catch: causeOf })

    /** Only PONG proves delivery, or a refusal for lack of the permission. */
    const ping = Effect.tryPromise({ try: () => connection.ping(), catch: (error) => error }).pipe(
      Effect.flatMap((reply) =>
        /^pong/i.test(String(reply)) ? Effect.void : Effect.fail(new Error("no reply to PING"))
      ),
      Effect.catchIf(isNoPermission, () => Effect.void),
      Effect.mapError(causeOf)
    )

    const subscribe = request(() => {
      phase = "Subscribing"
      const { channel } = options
      const reply =
        channel._tag === "Exact"
          ? connection.subscribe(channel.channel)
          : connection.psubscribe(channel.pattern)
      return reply.then(() => signal(acknowledge))
    })

    const tooLate = (): LostCause => {
      const connecting = phase === "Connecting"
      const hint =
        lastError !== undefined
          ? failureMessage(lastError, circumstances())
          : connecting
            ? silenceHint(circumstances())
            : undefined
      const what = connecting ? "accept the connection" : "acknowledge SUBSCRIBE"
      return {
        _tag: connecting ? "ConnectFailed" : "SubscribeFailed",
        message: `${server} did not ${what} within ${format(options.connectTimeout)}${hint === undefined ? "" : `: ${hint}`}`
      }
    }

    const silent = (): LostCause => ({
      _tag: "HeartbeatTimedOut",
      message: `${server} did not answer a PING within ${format(options.heartbeatTimeout)}: the server hangs, the link is cut, or messages arrive faster than they are read`
    })

    const heartbeat = Effect.gen(function* () {
      yield* Effect.sleep(options.heartbeatInterval)
      const sentAt = yield* Clock.currentTimeNanos
      yield* within(ping, options.heartbeatTimeout, silent)
      yield* Effect.sync(() => sink.alive(sentAt))
    })

    return yield* request(() => connection.connect()).pipe(
      Effect.zipRight(ping),
      Effect.zipRight(subscribe),
      (start) => within(start, options.connectTimeout, tooLate),
      Effect.zipRight(Effect.forever(heartbeat)),
      Effect.raceFirst(Deferred.await(ended))
    )
  })

const format = (millis: number): string => Duration.format(Duration.millis(millis))

/** How long answers that have arrived may wait to be read. */
const READ_MILLIS = 20

/**
 * Fails with `late` when `effect` takes longer than `limit` milliseconds. After a blocked event
 * loop, timers fire before the sockets are read: the second sleep lets the answer in.
 */
export const within = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  limit: number,
  late: () => LostCause
): Effect.Effect<A, E | LostCause, R> =>
  Effect.raceFirst(
    effect,
    Effect.sleep(limit).pipe(
      Effect.zipRight(Effect.sleep(READ_MILLIS)),
      Effect.zipRight(Effect.failSync(late))
    )
  )

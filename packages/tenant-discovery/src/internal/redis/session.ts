/**
 * The life of one connection: connect, subscribe, deliver, end. It is never reused.
 */
import { Clock, Deferred, Duration, Effect, type Scope } from "effect"
import type { LostCause, SignalSink } from "../../TenantEvents.js"
import type { Attempt, SubscriberListener } from "./connection.js"
import {
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

/** What has not happened when the connect timeout ends the attempt, by phase. */
const missing = {
  Preparing: "the password was not read",
  Connecting: "the connection was not accepted",
  Subscribing: "SUBSCRIBE was not acknowledged",
  Subscribed: "",
  Ended: ""
}

/**
 * Runs until the connection ends, and fails with why; dies with what the sink throws. The sink
 * receives nothing after the scope has closed, and the close waits for no server.
 */
export const runSession = (
  options: SessionOptions,
  attempt: Attempt,
  sink: SignalSink,
  onSubscribed: () => void
): Effect.Effect<never, LostCause, Scope.Scope> =>
  Effect.gen(function* () {
    const { server, tls } = attempt
    const channel = nameOf(options.channel)
    const ended = yield* Deferred.make<never, LostCause>()
    let phase: keyof typeof missing = "Preparing"
    let secrets: ReadonlyArray<string> = []
    let lastError: unknown = undefined

    const explain = (error: unknown): string =>
      failureMessage(error, {
        channel,
        tls,
        answered: phase === "Subscribed",
        secrets,
        naming: options.naming
      })

    const causeOf = (error: unknown): LostCause => {
      const reason = isGeneric(error) ? lastError : error
      const text = explain(reason)
      if (phase === "Subscribed") {
        return { _tag: "ConnectionLost", message: `lost the connection to ${server}: ${text}` }
      }
      return phase === "Subscribing" && isReply(reason) && !isAuthFailure(reason)
        ? { _tag: "SubscribeFailed", message: `${server} refused SUBSCRIBE ${channel}: ${text}` }
        : { _tag: "ConnectFailed", message: `cannot connect to ${server}: ${text}` }
    }

    const tooLate = (): LostCause => {
      const silent = phase === "Connecting" ? silenceHint(tls, options.naming) : undefined
      const hint = lastError === undefined ? silent : explain(lastError)
      const text = `${missing[phase]} within ${format(options.connectTimeout)}`
      return {
        _tag: phase === "Subscribing" ? "SubscribeFailed" : "ConnectFailed",
        message: `cannot connect to ${server}: ${text}${hint === undefined ? "" : ` (${hint})`}`
      }
    }

    /** The first end counts. */
    const end = (how: Effect.Effect<never, LostCause>): void => {
      phase = "Ended"
      Deferred.unsafeDone(ended, how)
    }
    const closed = () => end(Effect.fail(causeOf(undefined)))

    const acknowledge = (): void => {
      if (phase !== "Subscribing") return
      phase = "Subscribed"
      lastError = undefined
      onSubscribed()
      sink.subscribed()
    }

    /** A defect of the sink must not become an uncaught exception of ioredis' socket. */
    const deliver = (raw: string, from: string): void => {
      try {
        // The reply to SUBSCRIBE may arrive together with messages: its promise settles later.
        if (phase === "Subscribing") acknowledge()
        if (phase === "Subscribed") sink.message(raw, from)
      } catch (defect) {
        end(Effect.die(defect))
      }
    }

    const failed = (error: unknown): void => {
      lastError = error
      // Before, it may concern one of several addresses; `close` follows where it is final.
      if (phase === "Subscribed") closed()
    }

    const listeners: ReadonlyArray<readonly [event: string, listener: SubscriberListener]> = [
      options.channel._tag === "Exact"
        ? ["message", (from, raw) => deliver(raw, from)]
        : ["pmessage", (_pattern, from, raw) => deliver(raw, from)],
      ["error", failed],
      ["close", closed],
      ["end", closed]
    ]

    const read = yield* within(
      Effect.mapError(attempt.secrets, causeOf),
      options.connectTimeout,
      tooLate
    )
    secrets = read.filter((secret) => secret !== undefined)

    const connection = yield* Effect.acquireRelease(
      Effect.try({
        try: () => {
          const made = attempt.make(read)
          for (const [event, listener] of listeners) made.on(event, listener)
          return made
        },
        catch: causeOf
      }),
      (made) =>
        Effect.sync(() => {
          phase = "Ended"
          // ioredis prints an `error` that has no listener.
          made.on("error", () => {})
          for (const [event, listener] of listeners) made.removeListener(event, listener)
          // On a connection that has ended, `disconnect` only starts a timer.
          if (made.status !== "end") made.disconnect()
        })
    )

    /** Only PONG proves delivery, or a refusal for lack of the permission. */
    const ping = request(() => connection.ping()).pipe(
      Effect.filterOrFail(
        (reply) => /^pong/i.test(String(reply)),
        () => new Error("no reply to PING")
      ),
      Effect.catchIf(isNoPermission, () => Effect.void)
    )

    const start = Effect.gen(function* () {
      phase = "Connecting"
      yield* request(() => connection.connect())
      // Before SUBSCRIBE too, which a server that is cut off from its data accepts.
      yield* ping
      phase = "Subscribing"
      yield* request(() =>
        options.channel._tag === "Exact"
          ? connection.subscribe(channel)
          : connection.psubscribe(channel)
      )
      acknowledge()
    })

    const heartbeat = Effect.gen(function* () {
      yield* Effect.sleep(options.heartbeatInterval)
      const sentAt = yield* Clock.currentTimeNanos
      yield* within(Effect.mapError(ping, causeOf), options.heartbeatTimeout, () => ({
        _tag: "HeartbeatTimedOut",
        message: `${server} did not answer a PING within ${format(options.heartbeatTimeout)}: the server hangs, the link is cut, or messages arrive faster than they are read`
      }))
      sink.alive(sentAt)
    })

    // Forked after the connection is acquired, so that the close interrupts it first.
    yield* within(Effect.mapError(start, causeOf), options.connectTimeout, tooLate).pipe(
      Effect.zipRight(Effect.forever(heartbeat)),
      Effect.catchAllCause((cause) => Deferred.failCause(ended, cause)),
      Effect.forkScoped
    )
    return yield* Deferred.await(ended)
  })

const request = (send: () => Promise<unknown>): Effect.Effect<unknown, unknown> =>
  Effect.tryPromise({ try: send, catch: (error) => error })

const format = (millis: number): string => Duration.format(Duration.millis(millis))

/** How long answers that have arrived may wait to be read. */
const READ_MILLIS = 20

/**
 * Fails with `late` when `effect` takes longer than `limit` milliseconds. After a blocked event
 * loop, timers fire before the sockets are read: the second sleep lets the answer in.
 */
const within = <A, R>(
  effect: Effect.Effect<A, LostCause, R>,
  limit: number,
  late: () => LostCause
): Effect.Effect<A, LostCause, R> =>
  Effect.raceFirst(
    effect,
    Effect.sleep(limit).pipe(
      Effect.zipRight(Effect.sleep(READ_MILLIS)),
      Effect.zipRight(Effect.failSync(late))
    )
  )

/**
 * Keeps a subscription up: one session after the other, with a backoff between them.
 */
import { Cause, Clock, Duration, Effect, Exit, Option, type Scope } from "effect"
import type { LostCause, SignalSink } from "../../TenantEvents.js"
import { type Backoff, delay } from "./backoff.js"
import type { SubscriberConnection } from "./connection.js"
import { circumstancesOf, nameOf, type Place, Session } from "./Session.js"
import { explain } from "./explain.js"

/** Everything a subscription needs to know. */
export interface Settings extends Place {
  readonly connection: () => SubscriberConnection
  readonly connectTimeout: Duration.Duration
  readonly heartbeatInterval: Duration.Duration
  readonly heartbeatTimeout: Duration.Duration
  readonly backoff: Backoff
}

/** What outlives a session. */
interface State {
  session: Session | undefined
  closed: boolean
  /** What the sink was told last, where that was `lost`. */
  reason: LostCause | undefined
  attempt: number
  subscribedAt: bigint | undefined
}

/** Forks the loop into the scope, and silences it before anything else when that closes. */
export const subscribe = (
  settings: Settings,
  sink: SignalSink
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.suspend(() => {
    const state: State = {
      session: undefined,
      closed: false,
      reason: undefined,
      attempt: 0,
      subscribedAt: undefined
    }
    const silence = Effect.sync(() => {
      state.closed = true
      state.session?.dispose()
    })
    // Interruptible, whatever the region that asks: the scope's close waits for this fiber.
    return Effect.forkScoped(Effect.interruptible(loop(settings, sink, state))).pipe(
      Effect.zipRight(Effect.addFinalizer(() => silence))
    )
  })

const loop = (settings: Settings, sink: SignalSink, state: State): Effect.Effect<never> =>
  step(settings, sink, state).pipe(
    Effect.catchAllDefect((defect) =>
      // Not even this loop's own mistakes end it, nor make it spin.
      Effect.logError("The loop of the Redis subscription failed; it starts again", defect).pipe(
        Effect.zipRight(Effect.sleep(settings.backoff.cap))
      )
    ),
    Effect.forever,
    Effect.annotateLogs({ redis: settings.server, channel: nameOf(settings.channel) })
  )

/** One session from its beginning to its end, what is told of it, and the wait after it. */
const step = Effect.fnUntraced(function* (settings: Settings, sink: SignalSink, state: State) {
  const clock = yield* Effect.clock
  const ended = yield* Effect.exit(oneSession(settings, gated(sink, state, clock), state))
  // Interrupted, from outside: there is no other way to be here without an end.
  if (Exit.isSuccess(ended) || Cause.isInterruptedOnly(ended.cause)) return yield* Effect.interrupt
  const failure = Cause.failureOption(ended.cause)
  if (Option.isNone(failure)) {
    yield* Effect.logError(
      "Receiving tenant events failed; the subscription starts again",
      ended.cause
    )
  }
  const cause = Option.getOrElse(failure, () => UNEXPECTED)
  const now = yield* Clock.currentTimeNanos
  const lived = state.subscribedAt === undefined ? 0n : now - state.subscribedAt
  if (state.subscribedAt !== undefined && lived >= nanosOf(settings.backoff.resetAfter)) {
    state.attempt = 0
  }
  state.subscribedAt = undefined
  if (!state.closed && !isSame(state.reason, cause)) {
    state.reason = cause
    sink.lost(cause)
  }
  const wait = yield* delay(settings.backoff, state.attempt)
  yield* Effect.logDebug(cause.message).pipe(
    Effect.annotateLogs({
      cause: cause._tag,
      attempt: state.attempt,
      retry_in_ms: Math.round(Duration.toMillis(wait))
    })
  )
  state.attempt += 1
  yield* Effect.sleep(wait)
})

const isSame = (told: LostCause | undefined, cause: LostCause): boolean =>
  told?._tag === cause._tag && told.message === cause.message

const UNEXPECTED: LostCause = {
  _tag: "ConnectionLost",
  message: "receiving tenant events failed unexpectedly; the log has the error"
}

/** The sink as a session sees it; the way of a message stays the straight one. */
const gated = (sink: SignalSink, state: State, clock: Clock.Clock): SignalSink => ({
  subscribed: () => {
    state.reason = undefined
    state.subscribedAt = clock.unsafeCurrentTimeNanos()
    sink.subscribed()
  },
  message: (raw, channel) => sink.message(raw, channel),
  alive: (sentAt) => sink.alive(sentAt),
  lost: (cause) => sink.lost(cause)
})

const oneSession = (
  settings: Settings,
  sink: SignalSink,
  state: State
): Effect.Effect<never, LostCause> =>
  Effect.acquireUseRelease(
    Effect.try({
      try: () => {
        const session = new Session(settings.connection(), settings, sink)
        state.session = session
        // Closed between two sessions.
        if (state.closed) session.dispose()
        return session
      },
      catch: (error): LostCause => ({
        _tag: "ConnectFailed",
        message: `cannot make a connection to ${settings.server}: ${explain(error, circumstancesOf(settings))}`
      })
    }),
    (session) => Effect.raceFirst(session.ended, live(settings, session)),
    (session) =>
      Effect.sync(() => {
        session.dispose()
        state.session = undefined
      })
  )

const live = (settings: Settings, session: Session): Effect.Effect<never, LostCause> =>
  Effect.sync(() => session.start()).pipe(
    Effect.zipRight(session.acknowledged),
    within(settings.connectTimeout, () => session.late(Duration.format(settings.connectTimeout))),
    Effect.zipRight(Effect.forever(heartbeat(settings, session)))
  )

/**
 * What else arrives meanwhile is no answer: an answer that is late stands behind messages that
 * are as late, and a list makes good sooner what reading on would.
 */
const heartbeat = (settings: Settings, session: Session): Effect.Effect<void, LostCause> =>
  Effect.sleep(settings.heartbeatInterval).pipe(
    Effect.zipRight(Clock.currentTimeNanos),
    Effect.flatMap((sentAt) =>
      within(settings.heartbeatTimeout, () => unanswered(settings))(session.beat(sentAt))
    )
  )

const unanswered = (settings: Settings): LostCause => ({
  _tag: "HeartbeatTimedOut",
  message: `${settings.server} did not answer a PING within ${Duration.format(settings.heartbeatTimeout)}: it hangs, the connection is cut, or more comes than is read`
})

/** Fails with `late` when `effect` takes longer than `limit`. */
const within =
  (limit: Duration.Duration, late: () => LostCause) =>
  <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E | LostCause> =>
    Effect.raceFirst(
      effect,
      Effect.sleep(limit).pipe(Effect.zipRight(polled), Effect.zipRight(Effect.failSync(late)))
    )

/**
 * Once what the sockets hold has been read. Where the program kept the event loop busy past
 * the limit, the timer is served before the answer that has long been there.
 */
const polled: Effect.Effect<void> = Effect.async((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})

const nanosOf = (duration: Duration.Duration): bigint =>
  Option.getOrElse(Duration.toNanos(duration), () => BigInt(Number.MAX_SAFE_INTEGER) * 1_000_000n)

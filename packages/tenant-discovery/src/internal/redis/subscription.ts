/**
 * Keeps a subscription up: one session after the other, with a backoff between them.
 */
import { Cause, Duration, Effect, Exit, type Scope } from "effect"
import type { LostCause, SignalSink } from "../../TenantEvents.js"
import { currentMoment, momentOf } from "../moment.js"
import { type Backoff, nextWait } from "./backoff.js"
import type { Endpoint } from "./connection.js"
import { failureMessage } from "./failureMessage.js"
import { nameOf, runSession, type SessionOptions, within } from "./session.js"

export interface SubscriptionOptions extends SessionOptions {
  readonly endpoint: Endpoint
  readonly backoff: Backoff
}

const UNEXPECTED: LostCause = {
  _tag: "ConnectionLost",
  message: "receiving tenant events failed unexpectedly; the log has the error"
}

/** Forks the loop into the scope. Dies when `endpoint.check` does. */
export const subscribe = (
  options: SubscriptionOptions,
  sink: SignalSink
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.suspend(() => {
    const { backoff, endpoint } = options
    let turn = 0
    let attempt = 0
    let subscribedAt = Infinity
    /** The cause that the sink received last, unless it was subscribed since. */
    let reported: LostCause | undefined

    const session = Effect.gen(function* () {
      const clock = yield* Effect.clock
      const opened = yield* open(options, turn++)
      return yield* runSession(options, opened, sink, () => {
        subscribedAt = momentOf(clock).mono
        reported = undefined
      })
    })

    const report = (cause: LostCause) =>
      Effect.suspend(() => {
        if (reported?._tag === cause._tag && reported.message === cause.message) return Effect.void
        reported = cause
        return Effect.sync(() => sink.lost(cause))
      }).pipe(
        Effect.catchAllDefect((defect) =>
          log(Effect.logError("reporting a lost subscription failed; retrying", defect))
        )
      )

    const once = Effect.gen(function* () {
      subscribedAt = Infinity
      const exit = yield* Effect.exit(Effect.scoped(session))
      const cause = yield* causeOf(exit)
      const { mono } = yield* currentMoment
      if (mono - subscribedAt >= backoff.resetAfter) attempt = 0
      yield* report(cause)
      const wait = yield* nextWait(backoff, attempt++)
      yield* log(
        Effect.logDebug(
          `subscription lost: ${cause.message}; retrying in ${Duration.format(Duration.millis(Math.round(wait)))}`
        ).pipe(Effect.annotateLogs({ cause: cause._tag, attempt }))
      )
      yield* Effect.sleep(wait)
    })

    return Effect.forever(once).pipe(
      Effect.annotateLogs({ redis: endpoint.server, channel: nameOf(options.channel) }),
      // The scope's close waits for this fiber, whatever region the caller runs in.
      Effect.interruptible,
      Effect.forkScoped,
      (fork) => Effect.zipRight(endpoint.check, fork)
    )
  })

const open = (options: SubscriptionOptions, turn: number) => {
  const { connectTimeout, endpoint } = options
  const cause = (text: string): LostCause => ({
    _tag: "ConnectFailed",
    message: `cannot connect to ${endpoint.server}: ${text}`
  })
  return endpoint.open(turn).pipe(
    Effect.mapError((error) =>
      cause(
        failureMessage(error, {
          server: endpoint.server,
          channel: nameOf(options.channel),
          tls: undefined,
          answered: false,
          secrets: [],
          naming: options.naming
        })
      )
    ),
    (opened) =>
      within(opened, connectTimeout, () =>
        cause(
          `the password was not read within ${Duration.format(Duration.millis(connectTimeout))}`
        )
      )
  )
}

/** Why a session ended. A defect, such as the sink's, is logged. */
const causeOf = (exit: Exit.Exit<never, LostCause>): Effect.Effect<LostCause> => {
  const failure = Exit.isFailure(exit) ? exit.cause : Cause.empty
  const expected = Cause.failureOption(failure)
  return expected._tag === "Some"
    ? Effect.succeed(expected.value)
    : Effect.as(
        log(Effect.logError("receiving tenant events failed; resubscribing", failure)),
        UNEXPECTED
      )
}

/** A logger that throws must not end the loop. */
const log = (effect: Effect.Effect<void>): Effect.Effect<void> => Effect.asVoid(Effect.exit(effect))

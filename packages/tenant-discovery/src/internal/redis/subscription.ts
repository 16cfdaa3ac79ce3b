/**
 * Keeps a subscription up: one session after the other, with a backoff between them.
 */
import { Cause, Effect, Option, type Scope } from "effect"
import type { LostCause, SignalSink } from "../../TenantEvents.js"
import { currentMoment, momentOf } from "../moment.js"
import { type Backoff, nextWait } from "./backoff.js"
import type { Endpoint } from "./connection.js"
import { nameOf, runSession, type SessionOptions } from "./session.js"

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

    const session = Effect.flatMap(Effect.clock, (clock) =>
      runSession(options, endpoint.attempt(turn++), sink, () => {
        subscribedAt = momentOf(clock).mono
        reported = undefined
      })
    )

    const once = Effect.gen(function* () {
      subscribedAt = Infinity
      const failure = yield* Effect.flip(Effect.sandbox(Effect.scoped(session)))
      const cause = Option.getOrElse(Cause.failureOption(failure), () => UNEXPECTED)
      if (cause === UNEXPECTED) {
        yield* log(Effect.logError("receiving tenant events failed; resubscribing", failure))
      }
      const { mono } = yield* currentMoment
      if (mono - subscribedAt >= backoff.resetAfter) attempt = 0
      if (reported?._tag !== cause._tag || reported.message !== cause.message) {
        reported = cause
        yield* Effect.sync(() => sink.lost(cause)).pipe(
          Effect.catchAllCause((defect) =>
            log(Effect.logError("reporting a lost subscription failed; retrying", defect))
          )
        )
      }
      const wait = yield* nextWait(backoff, attempt++)
      yield* log(
        Effect.annotateLogs(
          Effect.logDebug(
            `subscription lost: ${cause.message}; retrying in ${Math.round(wait)} ms`
          ),
          { cause: cause._tag, attempt }
        )
      )
      yield* Effect.sleep(wait)
    })

    return Effect.forever(once).pipe(
      Effect.annotateLogs({ channel: nameOf(options.channel) }),
      // The scope's close waits for this fiber, whatever region the caller runs in.
      Effect.interruptible,
      Effect.forkScoped,
      (fork) => Effect.zipRight(endpoint.check ?? Effect.void, fork)
    )
  })

/** A logger that throws must not end the loop. */
const log: (effect: Effect.Effect<void>) => Effect.Effect<unknown> = Effect.exit

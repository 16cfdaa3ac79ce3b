/**
 * Stops calls of one operation after too many outages in a row, then admits one probe at a time
 * until an answer arrives.
 */
import { Cause, Clock, Duration, Effect, Exit, Option } from "effect"

export interface CircuitBreaker {
  /**
   * Runs `call` when the breaker admits it, and fails with `refused` otherwise; `retryAfter` is
   * `undefined` while a probe is in flight. An interrupted call does not count.
   */
  readonly protect: <A, E, R, E2>(
    call: Effect.Effect<A, E, R>,
    on: {
      readonly isOutage: (error: E) => boolean
      readonly refused: (retryAfter: Duration.Duration | undefined) => E2
    }
  ) => Effect.Effect<A, E | E2, R>
}

type Outcome = "Answer" | "Outage" | "Abandoned"

const outcomeOf = <A, E>(exit: Exit.Exit<A, E>, isOutage: (error: E) => boolean): Outcome => {
  if (Exit.isSuccess(exit)) return "Answer"
  return Option.match(Cause.failureOption(exit.cause), {
    onNone: () => "Abandoned",
    onSome: (error) => (isOutage(error) ? "Outage" : "Answer")
  })
}

/** Rounded up, so that a caller that waits for it is not early. */
const wholeMillis = (nanos: bigint) => Duration.millis(Math.ceil(Number(nanos) / 1_000_000))

/**
 * A breaker in the closed state. `threshold` is the number of outages in a row that open it; 0
 * turns it off. `resetAfter` is the time from opening to the first probe, in milliseconds of the
 * monotonic clock.
 */
export const make = (settings: {
  readonly threshold: number
  readonly resetAfter: number
}): CircuitBreaker => {
  const resetNanos = BigInt(Math.ceil(settings.resetAfter * 1_000_000))
  let outages = 0
  let openUntil: bigint | undefined
  let isProbing = false
  /** Grows when the breaker opens or closes. A call admitted before that no longer counts. */
  let generation = 0

  const settle = (outcome: Outcome, isProbe: boolean, now: bigint): Effect.Effect<void> => {
    if (isProbe) isProbing = false
    if (outcome === "Abandoned") return Effect.void
    if (outcome === "Answer") {
      outages = 0
      if (!isProbe) return Effect.void
      openUntil = undefined
      generation++
      return Effect.logInfo("circuit breaker closed: the tenant manager answers again")
    }
    outages++
    if (!isProbe && outages < settings.threshold) return Effect.void
    openUntil = now + resetNanos
    if (isProbe) return Effect.logDebug("circuit breaker stays open: the probe got no answer")
    generation++
    const wait = Duration.format(Duration.millis(settings.resetAfter))
    return Effect.logWarning(
      `circuit breaker opened: ${outages} outages of the tenant manager in a row; probing in ${wait}`
    )
  }

  return {
    protect: (call, on) => {
      if (settings.threshold === 0) return call
      return Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          const now = yield* Clock.currentTimeNanos
          const isProbe = openUntil !== undefined
          if (isProbing) return yield* Effect.fail(on.refused(undefined))
          if (openUntil !== undefined && now < openUntil) {
            return yield* Effect.fail(on.refused(wholeMillis(openUntil - now)))
          }
          isProbing = isProbe
          const admitted = generation
          const exit = yield* Effect.exit(restore(call))
          const end = yield* Clock.currentTimeNanos
          if (admitted === generation) {
            yield* settle(outcomeOf(exit, on.isOutage), isProbe, end)
          }
          return yield* exit
        })
      )
    }
  }
}

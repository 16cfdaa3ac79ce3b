import { Cause, Clock, Duration, Effect, type Exit, Option } from "effect"
import { isOutage, type TenantManagerError } from "../../TenantManagerError.js"

/** Fails a call with `CircuitOpen` when the breaker does not admit it. */
export type CircuitBreaker = <A>(
  call: Effect.Effect<A, TenantManagerError>
) => Effect.Effect<A, TenantManagerError>

type Outcome = "Answer" | "Outage" | "Abandoned"

/** An interrupted call does not count. */
const outcomeOf = (exit: Exit.Exit<unknown, TenantManagerError>): Outcome => {
  if (exit._tag === "Success") return "Answer"
  return Option.match(Cause.failureOption(exit.cause), {
    onNone: () => "Abandoned",
    onSome: (error) => (isOutage(error) ? "Outage" : "Answer")
  })
}

/**
 * A breaker that is closed: it stops the calls of one operation after `threshold` outages in a row
 * (0: never), and `resetAfter` milliseconds of the monotonic clock later admits one probe at a
 * time until an answer arrives. `refused` gets the time until the next probe, none during one.
 */
export const makeCircuitBreaker = (
  settings: { readonly threshold: number; readonly resetAfter: number },
  refused: (retryAfter: Duration.Duration | undefined) => TenantManagerError
): CircuitBreaker => {
  const { resetAfter, threshold } = settings
  if (threshold === 0) return (call) => call
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
    if (!isProbe && outages < threshold) return Effect.void
    openUntil = now + BigInt(Math.ceil(resetAfter * 1_000_000))
    if (isProbe) return Effect.logDebug("circuit breaker stays open: the probe got no answer")
    generation++
    return Effect.logWarning(
      `circuit breaker opened: ${outages} outages of the tenant manager in a row; probing in ${Duration.format(resetAfter)}`
    )
  }

  return (call) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeNanos
        if (isProbing) return yield* Effect.fail(refused(undefined))
        if (openUntil !== undefined && now < openUntil) {
          // Rounded up, so that a caller that waits for it is not early.
          const millis = Math.ceil(Number(openUntil - now) / 1_000_000)
          return yield* Effect.fail(refused(Duration.millis(millis)))
        }
        const isProbe = openUntil !== undefined
        isProbing = isProbe
        const admitted = generation
        const exit = yield* Effect.exit(restore(call))
        const end = yield* Clock.currentTimeNanos
        if (admitted === generation) yield* settle(outcomeOf(exit), isProbe, end)
        return yield* exit
      })
    )
}

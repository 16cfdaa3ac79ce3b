import { Cause, Clock, Duration, Effect, Exit, Option } from "effect"
import {
  isOutage,
  TenantManagerCircuitOpen,
  type TenantManagerError
} from "../../TenantManagerError.js"
import { type MetricLabels, taggedGauge } from "../metricLabels.js"

/** Fails a call with `TenantManagerCircuitOpen` when the breaker does not admit it. */
export type CircuitBreaker = <A>(
  call: Effect.Effect<A, TenantManagerError>
) => Effect.Effect<A, TenantManagerError>

/** `undefined` for a call without an outcome: interrupted, or a defect. */
const isAnswered = (exit: Exit.Exit<unknown, TenantManagerError>): boolean | undefined =>
  Exit.match(exit, {
    onSuccess: () => true,
    onFailure: (cause) =>
      Option.getOrUndefined(Option.map(Cause.failureOption(cause), (error) => !isOutage(error)))
  })

/** The returned function sets the gauge of one operation's circuit breaker. */
export const circuitGauge = (
  operation: string,
  labels: MetricLabels
): ((isOpen: boolean) => void) => {
  const gauge = taggedGauge(
    "tenant_manager_circuit_open",
    "Whether calls of the operation are refused, but for one probe at a time: 1 or 0",
    "operation",
    operation
  )
  return (isOpen) => gauge.unsafeUpdate(isOpen ? 1 : 0, labels)
}

/**
 * A circuit breaker for one operation, closed at first. It opens after `threshold` outages in a row
 * (0: never) and refuses calls. `resetAfter` milliseconds of the monotonic clock later it admits one
 * probe at a time. It closes when a probe is answered. While it is open, only probes count. It calls
 * `report` when it opens and when it closes.
 */
export const makeCircuitBreaker = (
  operation: string,
  settings: { readonly threshold: number; readonly resetAfter: number },
  report: (isOpen: boolean) => void
): CircuitBreaker => {
  const { resetAfter, threshold } = settings
  if (threshold === 0) return (call) => call
  let outages = 0
  let openUntil: bigint | undefined
  let isProbing = false

  const refused = (next: string, retryAfter?: Duration.Duration) =>
    new TenantManagerCircuitOpen({
      operation,
      message: `${operation}: not sent, after too many outages in a row; ${next}`,
      retryAfter
    })

  /** Whether the admitted call is a probe. */
  const admit = Effect.flatMap(Clock.currentTimeNanos, (now) => {
    if (isProbing) return refused("a probe is in flight")
    if (openUntil !== undefined && now < openUntil) {
      // Rounded up, so that a caller that waits for it is not early.
      const wait = Duration.millis(Math.ceil(Number(openUntil - now) / 1_000_000))
      return refused(`the next probe is due in ${Duration.format(wait)}`, wait)
    }
    isProbing = openUntil !== undefined
    return Effect.succeed(isProbing)
  })

  const settle = (isProbe: boolean, exit: Exit.Exit<unknown, TenantManagerError>) =>
    Effect.flatMap(Clock.currentTimeNanos, (now) => {
      if (isProbe) isProbing = false
      const answered = isAnswered(exit)
      if (answered === undefined || (openUntil !== undefined && !isProbe)) return Effect.void
      if (answered) {
        outages = 0
        if (isProbe) report(false)
        openUntil = undefined
        return isProbe
          ? Effect.logInfo("circuit breaker closed: the tenant manager answers again")
          : Effect.void
      }
      outages++
      if (!isProbe && outages < threshold) return Effect.void
      report(true)
      openUntil = now + BigInt(Math.ceil(resetAfter * 1_000_000))
      return isProbe
        ? Effect.logDebug("circuit breaker stays open: the probe got no answer")
        : Effect.logWarning(
            `circuit breaker opened: ${outages} outages of the tenant manager in a row; probing in ${Duration.format(resetAfter)}`
          )
    })

  return (call) => Effect.acquireUseRelease(admit, () => call, settle)
}

/**
 * The circuit breaker of the tenant manager's client: after too many outages in
 * a row nothing is sent for a while, and then one probe at a time.
 */
import { Clock, Duration, Effect, Exit } from "effect"
export const initial = { _tag: "Closed", generation: 0, outages: 0 }
/** Whether a call may go out at `now`. */
export const admit = (state, now) => {
  switch (state._tag) {
    case "Closed":
      return { _tag: "Admitted", state, generation: state.generation }
    case "HalfOpen":
      return { _tag: "Refused", state, retryAfter: undefined }
    case "Open": {
      if (now < state.until) return { _tag: "Refused", state, retryAfter: state.until - now }
      const generation = state.generation + 1
      return { _tag: "Admitted", state: { _tag: "HalfOpen", generation }, generation }
    }
  }
}
/** The state after a call that was admitted in `generation` ended at `now`. */
export const settle = (settings, state, generation, outcome, now) => {
  if (generation !== state.generation) return state
  const next = generation + 1
  switch (state._tag) {
    case "Open":
      return state
    case "Closed": {
      if (outcome === "Abandoned") return state
      if (outcome === "Answer") return state.outages === 0 ? state : { ...state, outages: 0 }
      const outages = state.outages + 1
      return outages < settings.threshold
        ? { ...state, outages }
        : { _tag: "Open", generation: next, until: now + settings.resetAfter }
    }
    case "HalfOpen":
      switch (outcome) {
        case "Answer":
          return { _tag: "Closed", generation: next, outages: 0 }
        case "Outage":
          return { _tag: "Open", generation: next, until: now + settings.resetAfter }
        case "Abandoned":
          // The probe's slot is free again at once: the next call is the probe.
          return { _tag: "Open", generation: next, until: now }
      }
  }
}
const off = { protect: (call) => call }
const outcomeOf = (exit, isOutage) => {
  if (Exit.isSuccess(exit)) return "Answer"
  if (exit.cause._tag !== "Fail") return "Abandoned"
  return isOutage(exit.cause.error) ? "Outage" : "Answer"
}
/** A transition in words, for the log; nothing where the tag stayed. */
const logTransition = (settings, before, after) => {
  if (before._tag === after._tag) return Effect.void
  switch (after._tag) {
    case "Open":
      if (before._tag === "HalfOpen") {
        return Effect.logDebug("tenant manager circuit breaker: the probe brought no answer")
      }
      return Effect.logWarning(
        `tenant manager circuit breaker opened after ${settings.threshold} outages in a row; will probe in ${Duration.format(Duration.nanos(settings.resetAfter))}`
      )
    case "HalfOpen":
      return Effect.logDebug("tenant manager circuit breaker: sending one probe")
    case "Closed":
      return Effect.logInfo(
        "tenant manager circuit breaker closed: the tenant manager answers again"
      )
  }
}
/**
 * A breaker whose one state is shared by everything it protects. Time is
 * `Clock.currentTimeNanos`, which a wall clock set back does not touch.
 */
export const make = (settings) => {
  if (settings.threshold <= 0) return off
  let state = initial
  return {
    protect: (call, on) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          const before = state
          const admission = admit(before, yield* Clock.currentTimeNanos)
          state = admission.state
          if (admission._tag === "Refused") {
            const left = admission.retryAfter
            return yield* Effect.fail(
              on.refused(left === undefined ? undefined : Duration.nanos(left))
            )
          }
          yield* logTransition(settings, before, state)
          const exit = yield* Effect.exit(restore(call))
          const now = yield* Clock.currentTimeNanos
          const ended = state
          state = settle(settings, ended, admission.generation, outcomeOf(exit, on.isOutage), now)
          yield* logTransition(settings, ended, state)
          return yield* exit
        })
      )
  }
}
//# sourceMappingURL=circuitBreaker.js.map

/**
 * The circuit breaker of the tenant manager's client: after too many outages in
 * a row nothing is sent for a while, and then one probe at a time.
 */
import { Cause, Clock, Duration, Effect, Exit, Option } from "effect"

/**
 * - `Closed`: calls go out; `outages` counts those in a row.
 * - `Open`: nothing goes out before `until` (monotonic nanoseconds).
 * - `HalfOpen`: one probe is under way, everything else is refused.
 *
 * `generation` grows with every change of the tag. A call that was admitted in an
 * earlier generation has nothing to say any more: a slow answer from before the
 * outage neither closes the breaker nor frees a probe's slot.
 */
export type State =
  | { readonly _tag: "Closed"; readonly generation: number; readonly outages: number }
  | { readonly _tag: "Open"; readonly generation: number; readonly until: bigint }
  | { readonly _tag: "HalfOpen"; readonly generation: number }

/** What is asked of a breaker. `threshold` 0 turns it off. */
export interface Settings {
  /** Outages in a row that open it. */
  readonly threshold: number
  /** Nanoseconds from opening to the first probe. */
  readonly resetAfter: bigint
}

/** How an admitted call ended: `Abandoned` is an interruption or a defect, which tells nothing. */
export type Outcome = "Answer" | "Outage" | "Abandoned"

export type Admission =
  | { readonly _tag: "Admitted"; readonly state: State; readonly generation: number }
  /** `retryAfter`: nanoseconds left, or `undefined` while a probe is under way. */
  | { readonly _tag: "Refused"; readonly state: State; readonly retryAfter: bigint | undefined }

export const initial: State = { _tag: "Closed", generation: 0, outages: 0 }

/** Whether a call may go out at `now`. */
export const admit = (state: State, now: bigint): Admission => {
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
export const settle = (
  settings: Settings,
  state: State,
  generation: number,
  outcome: Outcome,
  now: bigint
): State => {
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

/** What a breaker wraps around a call. */
export interface CircuitBreaker {
  /**
   * Runs `call` if it may go out, and fails with `refused` otherwise, without
   * running it. `isOutage` says which failures count. An interrupted call counts
   * for nothing, and frees the slot it held.
   */
  readonly protect: <A, E, R, E2>(
    call: Effect.Effect<A, E, R>,
    on: {
      readonly isOutage: (error: E) => boolean
      readonly refused: (retryAfter: Duration.Duration | undefined) => E2
    }
  ) => Effect.Effect<A, E | E2, R>
}

const off: CircuitBreaker = { protect: (call) => call }

const outcomeOf = <A, E>(exit: Exit.Exit<A, E>, isOutage: (error: E) => boolean): Outcome => {
  if (Exit.isSuccess(exit)) return "Answer"
  return Option.match(Cause.failureOption(exit.cause), {
    onNone: () => "Abandoned",
    onSome: (error) => (isOutage(error) ? "Outage" : "Answer")
  })
}

/** Rounded up, so that who waits as long is not early. */
const wholeMillis = (nanos: bigint): Duration.Duration =>
  Duration.millis(Math.ceil(Number(nanos) / 1_000_000))

/** A transition in words, for the log; nothing where the tag stayed. */
const logTransition = (settings: Settings, before: State, after: State): Effect.Effect<void> => {
  if (before._tag === after._tag) return Effect.void
  switch (after._tag) {
    case "Open":
      if (before._tag === "HalfOpen") {
        return Effect.logDebug("tenant manager circuit breaker: the probe brought no answer")
      }
      return Effect.logWarning(
        `tenant manager circuit breaker opened after ${settings.threshold} outages in a row; will probe in ${Duration.format(
          Duration.nanos(settings.resetAfter)
        )}`
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
export const make = (settings: Settings): CircuitBreaker => {
  if (settings.threshold <= 0) return off
  let state: State = initial

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
              on.refused(left === undefined ? undefined : wholeMillis(left))
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

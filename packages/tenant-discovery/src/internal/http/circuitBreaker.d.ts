/**
 * The circuit breaker of the tenant manager's client: after too many outages in
 * a row nothing is sent for a while, and then one probe at a time.
 */
import { Duration, Effect } from "effect"
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
  | {
      readonly _tag: "Closed"
      readonly generation: number
      readonly outages: number
    }
  | {
      readonly _tag: "Open"
      readonly generation: number
      readonly until: bigint
    }
  | {
      readonly _tag: "HalfOpen"
      readonly generation: number
    }
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
  | {
      readonly _tag: "Admitted"
      readonly state: State
      readonly generation: number
    }
  /** `retryAfter`: nanoseconds left, or `undefined` while a probe is under way. */
  | {
      readonly _tag: "Refused"
      readonly state: State
      readonly retryAfter: bigint | undefined
    }
export declare const initial: State
/** Whether a call may go out at `now`. */
export declare const admit: (state: State, now: bigint) => Admission
/** The state after a call that was admitted in `generation` ended at `now`. */
export declare const settle: (
  settings: Settings,
  state: State,
  generation: number,
  outcome: Outcome,
  now: bigint
) => State
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
/**
 * A breaker whose one state is shared by everything it protects. Time is
 * `Clock.currentTimeNanos`, which a wall clock set back does not touch.
 */
export declare const make: (settings: Settings) => CircuitBreaker
//# sourceMappingURL=circuitBreaker.d.ts.map

import { Effect, Random } from "effect"

/** Waits between attempts, in milliseconds. */
export interface Backoff {
  readonly base: number
  readonly cap: number
  /** A subscription that lived this long starts the next attempts at `base` again. */
  readonly resetAfter: number
}

/** The longest wait after attempt number `attempt`, the first being 0. */
export const longestWait = (backoff: Backoff, attempt: number): number =>
  Math.min(backoff.cap, backoff.base * 2 ** attempt)

/** The wait after attempt number `attempt`: full jitter, from 0 to `longestWait`. */
export const nextWait = (backoff: Backoff, attempt: number): Effect.Effect<number> =>
  Effect.map(Random.next, (random) => random * longestWait(backoff, attempt))

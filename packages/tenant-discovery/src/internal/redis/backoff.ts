/**
 * How long to wait before the next attempt.
 */
import { Duration, Effect, Random } from "effect"

/** Full jitter: anything from nothing to `base` doubled at each attempt, at most `cap`. */
export interface Backoff {
  readonly base: Duration.Duration
  readonly cap: Duration.Duration
  /** A subscription that lived this long starts the next attempts at `base` again. */
  readonly resetAfter: Duration.Duration
}

/** The longest wait before attempt number `attempt`, the first being 0. */
export const ceiling = (backoff: Backoff, attempt: number): number =>
  Math.min(Duration.toMillis(backoff.cap), Duration.toMillis(backoff.base) * 2 ** attempt)

/** The wait before attempt number `attempt`, drawn from `Random`. */
export const delay = (backoff: Backoff, attempt: number): Effect.Effect<Duration.Duration> =>
  Effect.map(Random.next, (random) => Duration.millis(random * ceiling(backoff, attempt)))

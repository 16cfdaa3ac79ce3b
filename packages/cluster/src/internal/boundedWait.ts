import { type Duration, Effect, Fiber, type Option } from "effect"

/**
 * Waits for `wait`, at most `limit`; `None` when the limit passed first. It keeps its bound in an
 * uninterruptible region, and in a finalizer that an interrupted fiber runs (SIGTERM). `wait` must
 * be interruptible.
 */
export const boundedWait = <A, E, R>(
  wait: Effect.Effect<A, E, R>,
  limit: Duration.DurationInput
): Effect.Effect<Option.Option<A>, E, R> =>
  Effect.timeoutOption(wait, limit).pipe(
    Effect.interruptible,
    Effect.forkDaemon,
    Effect.flatMap(Fiber.join)
  )

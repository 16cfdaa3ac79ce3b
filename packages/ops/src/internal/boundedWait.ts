import { type Duration, Effect, Fiber, type Option } from "effect"

/**
 * Waits for `wait`, at most `limit`; `None` when the limit passed first. Keeps its bound in a
 * finalizer, also in one that an interrupted fiber runs (SIGTERM).
 */
export const boundedWait = <A>(
  wait: Effect.Effect<A>,
  limit: Duration.DurationInput
): Effect.Effect<Option.Option<A>> =>
  Effect.timeoutOption(wait, limit).pipe(
    Effect.interruptible,
    Effect.forkDaemon,
    Effect.flatMap(Fiber.join)
  )

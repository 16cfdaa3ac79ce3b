import { Effect, Schedule } from "effect"

/** Lets other fibers run until the condition holds. No clock moves. */
export const eventually = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.fail("not yet"))).pipe(
    Effect.zipLeft(Effect.yieldNow()),
    Effect.retry(Schedule.recurs(10_000)),
    Effect.orDieWith(() => new Error(`never became true: ${condition.toString()}`))
  )

/** Runs the effect `times` times concurrently. */
export const atOnce = <A, E, R>(
  times: number,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<ReadonlyArray<A>, E, R> =>
  Effect.all(
    Array.from({ length: times }, () => effect),
    { concurrency: "unbounded" }
  )

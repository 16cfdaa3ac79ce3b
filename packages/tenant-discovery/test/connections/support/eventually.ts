import { Effect, Schedule } from "effect"

/** Lets other fibers run until the condition holds. No clock moves. */
export const eventually = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.fail("not yet"))).pipe(
    Effect.zipLeft(Effect.yieldNow()),
    Effect.retry(Schedule.recurs(10_000)),
    Effect.orDieWith(() => new Error(`never became true: ${condition.toString()}`))
  )

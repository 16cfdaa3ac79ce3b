import { Effect } from "effect"

/** A logger of the program that throws must not end a loop of the worker. */
export const quietly = <R>(log: Effect.Effect<unknown, never, R>): Effect.Effect<void, never, R> =>
  Effect.catchAllCause(Effect.asVoid(log), () => Effect.void)

/** Runs `begins` when a condition becomes true, and `ends` when it becomes false again. */
export const onTransition = () => {
  let before = false
  return (now: boolean, begins: Effect.Effect<void>, ends: Effect.Effect<void>) =>
    Effect.suspend(() => {
      if (now === before) return Effect.void
      before = now
      return quietly(now ? begins : ends)
    })
}

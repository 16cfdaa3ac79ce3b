import { Clock, Duration, Effect, type Schedule, ScheduleDecision, ScheduleIntervals } from "effect"

/**
 * A schedule as a sequence of delays: the one after an input, in milliseconds; `undefined` when the
 * schedule has ended.
 */
export const makeDelays = <In, R>(schedule: Schedule.Schedule<unknown, In, R>) => {
  let state: unknown = schedule.initial
  return (input: In): Effect.Effect<number | undefined, never, R> =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const [after, , decision] = yield* schedule.step(now, input, state)
      state = after
      if (ScheduleDecision.isDone(decision)) return undefined
      return Math.max(0, Math.ceil(ScheduleIntervals.start(decision.intervals) - now))
    })
}

const LONGEST_SLEEP = Duration.toMillis("1 day")

/** Sleeps in pieces: Effect takes a sleep of more than 24.8 days as infinite. */
export const longSleep = (millis: number): Effect.Effect<void> =>
  millis <= LONGEST_SLEEP
    ? Effect.sleep(millis)
    : Effect.flatMap(Effect.sleep(LONGEST_SLEEP), () => longSleep(millis - LONGEST_SLEEP))

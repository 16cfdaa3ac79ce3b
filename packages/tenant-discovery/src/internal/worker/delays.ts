/**
 * A schedule as a sequence of delays.
 */
import { Clock, Duration, Effect, type Schedule, ScheduleDecision, ScheduleIntervals } from "effect"

export interface Delays<In, R> {
  /** The delay after `input`, in milliseconds; `undefined` when the schedule has ended. */
  readonly next: (input: In) => Effect.Effect<number | undefined, never, R>
}

export const makeDelays = <In, R>(schedule: Schedule.Schedule<unknown, In, R>): Delays<In, R> => {
  let state: unknown = schedule.initial
  return {
    next: (input) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.map(schedule.step(now, input, state), ([after, , decision]) => {
          state = after
          return ScheduleDecision.isDone(decision)
            ? undefined
            : Math.max(0, Math.ceil(ScheduleIntervals.start(decision.intervals) - now))
        })
      )
  }
}

const LONGEST_SLEEP = Duration.toMillis("1 day")

/** Sleeps in pieces: Effect takes a sleep of more than 24.8 days as infinite. */
export const longSleep = (millis: number): Effect.Effect<void> =>
  millis <= LONGEST_SLEEP
    ? Effect.sleep(millis)
    : Effect.zipRight(
        Effect.sleep(LONGEST_SLEEP),
        Effect.suspend(() => longSleep(millis - LONGEST_SLEEP))
      )

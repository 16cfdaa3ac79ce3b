/**
 * A schedule as a sequence of delays, without a fiber that sleeps through them.
 */
import { Clock, Effect, type Schedule, ScheduleDecision, ScheduleIntervals } from "effect"

export interface Steps<In, R> {
  /** The delay after `input`, in milliseconds; `undefined` where the schedule is through. */
  readonly next: (input: In) => Effect.Effect<number | undefined, never, R>
  /** From the start again. */
  readonly reset: () => void
}

export const makeSteps = <In, R>(schedule: Schedule.Schedule<unknown, In, R>): Steps<In, R> => {
  let state: unknown = schedule.initial
  return {
    next: (input) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.map(schedule.step(now, input, state), ([after, , decision]) => {
          state = after
          return ScheduleDecision.isDone(decision)
            ? undefined
            : Math.max(0, ScheduleIntervals.start(decision.intervals) - now)
        })
      ),
    reset: () => {
      state = schedule.initial
    }
  }
}

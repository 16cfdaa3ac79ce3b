/** A condition with its times. It counts once it has lasted, and its end counts at once. */
import type { Moment } from "../moment.js"

export interface Condition {
  /** Whether it holds. `at`: when that began, or ended; only the first of a row counts. */
  readonly observe: (holds: boolean, at: Moment) => void
  /** Since when it counts, in milliseconds since the epoch; `undefined` while it does not. */
  readonly countsSince: (now: Moment) => number | undefined
  /** Since when it does not count: its last end, unless it was too short. */
  readonly clearSince: () => number
}

/** It counts after `delay` milliseconds. `start`: since when it does not count at first. */
export const makeCondition = (delay: number, start: Moment): Condition => {
  let began: Moment | undefined
  let clear = start
  const lasted = (until: Moment): boolean => began !== undefined && until.mono - began.mono >= delay
  return {
    observe: (holds, at) => {
      if (holds) began ??= at
      else {
        if (lasted(at)) clear = at
        began = undefined
      }
    },
    countsSince: (now) => (lasted(now) && began !== undefined ? began.wall + delay : undefined),
    clearSince: () => clear.wall
  }
}

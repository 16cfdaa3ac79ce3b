/** The clocks of the soak. */
import { Clock, Effect } from "effect"

/** The monotonic clock in milliseconds: no jump of a wall clock moves it. */
export const monotonic: Effect.Effect<number> = Effect.map(
  Clock.currentTimeNanos,
  (nanos) => Number(nanos) / 1e6
)

/** The machine's clock with a wall clock that jumps. The monotonic clock and timers do not. */
export interface JumpingClock {
  readonly clock: Clock.Clock
  /** Moves the wall clock by milliseconds, forwards or backwards. */
  readonly jump: (millis: number) => void
}

export const makeJumpingClock = (): JumpingClock => {
  const machine = Clock.make()
  let offset = 0
  const wall = () => machine.unsafeCurrentTimeMillis() + offset
  return {
    clock: {
      [Clock.ClockTypeId]: Clock.ClockTypeId,
      unsafeCurrentTimeMillis: wall,
      currentTimeMillis: Effect.sync(wall),
      unsafeCurrentTimeNanos: () => machine.unsafeCurrentTimeNanos(),
      currentTimeNanos: machine.currentTimeNanos,
      sleep: (duration) => machine.sleep(duration)
    },
    jump: (millis) => {
      offset += millis
    }
  }
}

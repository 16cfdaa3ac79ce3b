import { type Clock, Effect } from "effect"

/** A moment on both clocks, in milliseconds: `mono` for ages and waits, `wall` for people. */
export interface Moment {
  readonly mono: number
  readonly wall: number
}

/** Reads both clocks. */
export const momentOf = (clock: Clock.Clock): Moment => ({
  mono: Number(clock.unsafeCurrentTimeNanos()) / 1e6,
  wall: clock.unsafeCurrentTimeMillis()
})

/** Now, by the clock that is provided. */
export const currentMoment: Effect.Effect<Moment> = Effect.map(Effect.clock, momentOf)

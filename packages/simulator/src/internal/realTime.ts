import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

const clock = Clock.make()

/** Runs an effect with the real clock, also in a test under a test clock. */
export const realTime = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withClock(effect, clock)

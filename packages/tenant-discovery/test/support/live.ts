/** Declares tests by their generators, and waits for conditions in real time. */
import { it } from "@effect/vitest"
import { Cause, type Duration, Effect, Schedule, type Scope, type TestServices } from "effect"
import type { YieldWrap } from "effect/Utils"

type Body<Args extends ReadonlyArray<unknown>, R = Scope.Scope> = (
  ...args: Args
) => Generator<YieldWrap<Effect.Effect<unknown, unknown, R>>, void, never>

/** A test in real time, with a scope of its own. */
export const live = (name: string, body: Body<[]>, timeout?: number): void =>
  it.scopedLive(name, () => Effect.gen(body), timeout)

/** The same test for each case; the name formats the case as `it.each` does. */
export const liveEach =
  <A>(cases: ReadonlyArray<A>) =>
  (name: string, body: Body<[A]>, timeout?: number): void =>
    it.scopedLive.each(cases)(name, (one) => Effect.gen(() => body(one)), timeout)

/** A test under the test clock. */
export const test = (name: string, body: Body<[], TestServices.TestServices>): void =>
  it.effect(name, () => Effect.gen(body))

/** Repeats `effect` until its result is as wanted; dies when that takes too long. */
export const eventually = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  wanted: (result: A) => boolean,
  within: Duration.DurationInput = "10 seconds"
): Effect.Effect<A, E, R> =>
  effect.pipe(
    Effect.repeat(Schedule.zipRight(Schedule.spaced("5 millis"), Schedule.recurUntil(wanted))),
    Effect.timeoutFailCause({
      duration: within,
      onTimeout: () => Cause.die(new Error(`did not hold in time: ${String(wanted)}`))
    })
  )

/** Waits for a condition; dies when that takes too long. */
export const until = (
  condition: () => boolean,
  within?: Duration.DurationInput
): Effect.Effect<void> =>
  Effect.asVoid(eventually(Effect.sync(condition), (holds) => holds, within))

/** Declares tests in real time, each with a scope of its own. */
import { it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import type { YieldWrap } from "effect/Utils"

type Body<Args extends ReadonlyArray<unknown>> = (
  ...args: Args
) => Generator<YieldWrap<Effect.Effect<unknown, unknown, Scope.Scope>>, void, never>

export const live = (name: string, body: Body<[]>, timeout?: number): void =>
  it.scopedLive(name, () => Effect.gen(body), timeout)

/** The same test for each case; the name formats the case as `it.each` does. */
export const liveEach =
  <A>(cases: ReadonlyArray<A>) =>
  (name: string, body: Body<[A]>, timeout?: number): void =>
    it.scopedLive.each(cases)(name, (one) => Effect.gen(() => body(one)), timeout)

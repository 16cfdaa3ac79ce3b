/**
 * Long work in short slices, so that the event loop stays free between them.
 */
import { Effect } from "effect"
import { macrotask } from "../macrotask.js"

/** How long a slice may take, in milliseconds, before it lets others have a turn. */
const BUDGET = 8
/** Steps between two looks at the clock. */
const LOOKS = 16
/** An interruption is only a message: the fiber takes it, and runs its finalizers, afterwards. */
const SLICE = 128

/**
 * Calls `step` until it gives false, in slices, each with what `look` finds at its
 * start. Nothing but the steps themselves runs within a slice, so what was found holds
 * until its end.
 */
export const whileTrue = <A>(
  look: Effect.Effect<A>,
  step: (found: A) => boolean
): Effect.Effect<void> =>
  Effect.flatMap(look, (found) => {
    const began = performance.now()
    do {
      for (let i = 0; i < LOOKS; i++) if (!step(found)) return Effect.void
    } while (performance.now() - began < BUDGET)
    return Effect.zipRight(macrotask, whileTrue(look, step))
  })

/** Calls `visit` for each, in slices that count what it sets going. */
export const forEach = <A>(all: Iterable<A>, visit: (one: A) => void): Effect.Effect<void> => {
  const iterator = all[Symbol.iterator]()
  const slice: Effect.Effect<void> = Effect.suspend(() => {
    for (let i = 0; i < SLICE; i++) {
      const next = iterator.next()
      if (next.done === true) return Effect.void
      visit(next.value)
    }
    return Effect.zipRight(macrotask, slice)
  })
  return slice
}

/** A turn for everybody else. */
import { Effect } from "effect"

/**
 * Lets timers and sockets have their turn. Effect's own yield would not: it stays
 * among the microtasks for up to 2048 rounds.
 */
export const macrotask: Effect.Effect<void> = Effect.async((resume) => {
  if (typeof setImmediate === "function") {
    const handle = setImmediate(() => resume(Effect.void))
    return Effect.sync(() => clearImmediate(handle))
  }
  const handle = setTimeout(() => resume(Effect.void), 0)
  return Effect.sync(() => clearTimeout(handle))
})

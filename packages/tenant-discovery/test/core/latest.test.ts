import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Latest } from "../../src/internal/latest.js"

/** Follows from `known` on, and counts how often it was told of another value. */
const following = (latest: Latest<number>, told: Array<number>) =>
  Effect.acquireUseRelease(
    latest.follow,
    (follower) => {
      const next = (known: number): Effect.Effect<never> =>
        follower.after(
          known,
          Effect.suspend(() => {
            told.push(latest.current)
            return next(latest.current)
          })
        )
      return next(latest.current)
    },
    latest.unfollow
  )

describe("the latest value", () => {
  it.effect("is told to all who wait, in the order in which they began", () =>
    Effect.gen(function* () {
      const latest = new Latest(0)
      const order: Array<string> = []
      const first = yield* Effect.fork(
        Effect.flatMap(latest.follow, (follower) =>
          follower.after(
            0,
            Effect.sync(() => order.push("first"))
          )
        )
      )
      const second = yield* Effect.fork(
        Effect.flatMap(latest.follow, (follower) =>
          follower.after(
            0,
            Effect.sync(() => order.push("second"))
          )
        )
      )
      yield* Effect.yieldNow()
      latest.set(1)
      yield* Fiber.joinAll([first, second])
      expect(order).toEqual(["first", "second"])
    })
  )

  it.effect("is conflated for who is busy, and lost to nobody", () =>
    Effect.gen(function* () {
      const latest = new Latest(0)
      const told: Array<number> = []
      const fiber = yield* Effect.fork(following(latest, told))
      yield* Effect.yieldNow()
      latest.set(1)
      latest.set(2)
      yield* Effect.yieldNow()
      latest.set(3)
      yield* Effect.yieldNow()
      expect(told).toEqual([2, 3])
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("that is another one by then is told without a wait", () =>
    Effect.gen(function* () {
      const latest = new Latest(1)
      const follower = yield* latest.follow
      expect(yield* follower.after(0, latest.get)).toBe(1)
    })
  )

  it.effect("is not told to who was interrupted, nor to who has stopped", () =>
    Effect.gen(function* () {
      const latest = new Latest(0)
      const told: Array<number> = []
      const fiber = yield* Effect.fork(following(latest, told))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(fiber)
      latest.set(1)
      yield* Effect.yieldNow()
      expect(told).toEqual([])
    })
  )
})

import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope, Stream, TestClock } from "effect"
import { TenantView } from "../../src/index.js"
import { Latest } from "../../src/internal/latest.js"
import { type DiscoveryState, makeSurface } from "../../src/internal/surface.js"

/** Follows from `known` on, and counts how often it was told of another value. */
const following = (latest: Latest<number>, told: Array<number>) =>
  Effect.acquireUseRelease(
    latest.follow,
    (follower) => {
      const waiting: Effect.Effect<never> = follower.waiting(
        Effect.suspend(() => {
          told.push(latest.current)
          follower.known = latest.current
          return waiting
        })
      )
      return waiting
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
          follower.waiting(Effect.sync(() => order.push("first")))
        )
      )
      const second = yield* Effect.fork(
        Effect.flatMap(latest.follow, (follower) =>
          follower.waiting(Effect.sync(() => order.push("second")))
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
      const told = follower.waiting(Effect.sync(() => latest.current))
      latest.set(2)
      expect(yield* told).toBe(2)
    })
  )

  it.effect("is not told to who has stopped following", () =>
    Effect.gen(function* () {
      const latest = new Latest(0)
      const told: Array<number> = []
      const follower = yield* latest.follow
      const waiting = yield* Effect.fork(
        follower.waiting(Effect.sync(() => told.push(latest.current)))
      )
      yield* Effect.yieldNow()
      yield* latest.unfollow(follower)
      latest.set(1)
      yield* Effect.yieldNow()
      expect(told).toEqual([])
      yield* Fiber.interrupt(waiting)
    })
  )
})

/** A state, and how many follow it. */
const counted = () => {
  const state = new Latest<DiscoveryState>({
    view: TenantView.empty,
    status: {
      service: "test",
      mode: "BootstrapOnly",
      since: 0,
      lastListedAt: undefined,
      lastEventAt: undefined,
      lastError: undefined,
      tenantCount: 0
    },
    asOf: 0,
    closed: false
  })
  const followers = new Set<unknown>()
  const { follow, unfollow } = state
  const counting: Pick<Latest<DiscoveryState>, "follow" | "unfollow"> = {
    follow: Effect.tap(follow, (follower) => followers.add(follower)),
    unfollow: (follower) => Effect.tap(unfollow(follower), () => followers.delete(follower))
  }
  return { state: Object.assign(state, counting), followers }
}

describe("readers of a discovery", () => {
  it.effect("follow its state for as long as they read, however they end", () =>
    Effect.gen(function* () {
      const { followers, state } = counted()
      const discovery = makeSurface(state, Effect.void)
      const scope = yield* Scope.make()
      yield* Scope.extend(
        discovery.onTenantAdded(() => Effect.void),
        scope
      )
      const streams = yield* Effect.forEach(
        [
          Stream.runDrain(discovery.changes),
          Stream.runDrain(discovery.view.changes),
          Stream.runDrain(discovery.status.changes)
        ],
        (reading) => Effect.fork(reading)
      )
      const few = yield* Effect.fork(Stream.runDrain(Stream.take(discovery.view.changes, 1)))
      yield* Fiber.join(few)
      yield* TestClock.adjust(0)
      expect(followers.size).toBe(4)
      yield* Fiber.interruptAll(streams)
      expect(followers.size).toBe(1)
      yield* Scope.close(scope, Exit.void)
      expect(followers.size).toBe(0)
    })
  )
})

/** A subscription as a stream: what it tells, in order, bounded, and its end. */
import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Fiber, Stream } from "effect"
import { defaultDiscoveryOptions, TenantEvents } from "../../src/index.js"
import { TestTenantEvents } from "../../src/testing.js"

describe("TenantEvents.signals", () => {
  it.effect("tells what happened in order, and closes its subscription with the stream", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const reading = yield* Effect.fork(Stream.runCollect(Stream.take(TenantEvents.signals, 4)))
      yield* events.awaitSubscription
      yield* events.send("one", "two")
      yield* events.lose()
      yield* events.subscribed
      const told = Chunk.toReadonlyArray(yield* Fiber.join(reading))
      expect(told.map(({ _tag }) => _tag)).toEqual(["Subscribed", "Messages", "Lost", "Subscribed"])
      expect(told[1]).toMatchObject({ messages: ["one", "two"] })
      expect(yield* events.subscriptions).toBe(0)
    }).pipe(Effect.provide(TestTenantEvents.layer()))
  )

  it.effect("lets go of what a slow reader does not take, and says so once", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const many = Array.from({ length: defaultDiscoveryOptions.bufferMessages + 1 }, () => "x")
      const reading = yield* TenantEvents.signals.pipe(
        Stream.tap(({ _tag }) => (_tag === "Subscribed" ? events.send(...many) : Effect.void)),
        Stream.take(3),
        Stream.runCollect,
        Effect.fork
      )
      const told = Chunk.toReadonlyArray(yield* Fiber.join(reading))
      expect(
        told.map((signal) => (signal._tag === "Lost" ? signal.cause._tag : signal._tag))
      ).toEqual(["Subscribed", "Overflow", "Subscribed"])
    }).pipe(Effect.provide(TestTenantEvents.layer()))
  )
})

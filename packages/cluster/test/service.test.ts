import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Fiber, Logger, Stream, TestClock } from "effect"
import { TenantId } from "tenant-discovery"
import { makeLeases } from "../src/internal/leases.js"
import { makeService } from "../src/internal/service.js"

const acme = TenantId.make("acme")

const make = (warnsUnread = true) =>
  Effect.gen(function* () {
    const leases = yield* makeLeases(yield* Effect.clock)
    const service = yield* makeService({
      description: "replica a of the cluster test",
      shardOf: () => "default:1",
      leases,
      replicas: {
        announce: Effect.void,
        members: Effect.succeed([]),
        ownerOf: () => Effect.succeed(undefined)
      },
      membership: { leave: Effect.void, join: Effect.void },
      problem: Effect.succeed(undefined),
      warnsUnread
    })
    return { leases, service }
  })

const warnings = <A, E, R>(run: Effect.Effect<A, E, R>) => {
  const lines: Array<string> = []
  const logger = Logger.make(({ message }) => void lines.push(String(message)))
  return Effect.as(Effect.provide(run, Logger.replace(Logger.defaultLogger, logger)), lines)
}

describe("the assignment", () => {
  it.scoped("publishes its view at each change, the latest to a slow reader", () =>
    Effect.gen(function* () {
      const { leases, service } = yield* make()
      const owned = yield* service.view.changes.pipe(
        Stream.map((view) => view.owns(acme)),
        Stream.changes,
        Stream.take(3),
        Stream.runCollect,
        Effect.fork
      )
      yield* TestClock.adjust(1)
      yield* leases.grant(new Map([["default:1", 1n]]), leases.now() + 4000)
      yield* TestClock.adjust(1)
      yield* leases.end(["default:1"])
      expect(Chunk.toReadonlyArray(yield* Fiber.join(owned))).toEqual([false, true, false])
    })
  )

  it.effect("ends the changes of its view with its scope", () =>
    Effect.gen(function* () {
      const reader = yield* Effect.scoped(
        Effect.gen(function* () {
          const { service } = yield* make()
          const reader = yield* Effect.forkDaemon(Stream.runDrain(service.view.changes))
          yield* TestClock.adjust(1)
          return reader
        })
      )
      yield* Fiber.join(reader)
    })
  )

  it.effect("warns once when nothing has read it for 30 s", () =>
    Effect.gen(function* () {
      const waitAfter = (
        use: (
          made: Effect.Effect.Success<ReturnType<typeof make>>
        ) => Effect.Effect<unknown, unknown>
      ) =>
        warnings(
          Effect.scoped(
            Effect.gen(function* () {
              yield* Effect.ignore(use(yield* make()))
              yield* TestClock.adjust("2 minutes")
            })
          )
        )
      expect(yield* waitAfter(() => Effect.void)).toEqual([
        expect.stringContaining("nothing follows the assignment")
      ])
      expect(yield* waitAfter(({ service }) => service.view.get)).toEqual([])
      expect(yield* waitAfter(({ service }) => Effect.scoped(service.hold(acme)))).toEqual([])
      expect(yield* waitAfter(({ service }) => Stream.runHead(service.view.changes))).toEqual([])
    })
  )
})

/** Close is complete and bounded (law 12), on real servers and at random moments. */
import { describe, expect, it } from "@effect/vitest"
import { Array, Effect, Fiber, Layer, Logger, LogLevel, Random } from "effect"
import { TenantDiscovery } from "../../src/TenantDiscovery.js"
import { TenantEvents } from "../../src/TenantEvents.js"
import { TenantManager } from "../../src/TenantManager.js"
import { TestTenantManager } from "../../src/testing.js"
import { eventually } from "../node/support.js"
import { hasNative } from "../redis/support.js"
import { makeWorld, startProgram } from "./support.js"
import { live } from "../support/live.js"

/** `LONG_TESTS=1` runs ten thousand of each. */
const long = process.env["LONG_TESTS"] === "1"
const REAL = long ? 10_000 : 100
const DOUBLES = long ? 10_000 : 300
const TIMEOUT = long ? 600_000 : 60_000

const kind = hasNative ? "native" : "embedded"

/** What keeps the process alive. */
const resources = Effect.sync(() => {
  const counts: Record<string, number> = {}
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1
  return { sockets: counts["TCPSocketWrap"] ?? 0, timers: counts["Timeout"] ?? 0 }
})

/** The running fibers without a parent: the forks of the discovery are among them. */
const runningFibers = Effect.map(Fiber.roots, (fibers) => fibers.length)

describe("closing", () => {
  live(
    `leaves no socket and no timer, ${REAL} times on real servers`,
    function* () {
      const { redis, simulator, variables } = yield* makeWorld({ redis: { kind } })
      const once = Effect.scoped(
        Effect.gen(function* () {
          const { discovery } = yield* startProgram(variables)
          expect(yield* discovery.activeTenantIds).toHaveLength(8)
        })
      )
      yield* once
      const before = yield* resources
      yield* Effect.repeatN(once, REAL - 1)
      expect(yield* simulator.listCalls).toBe(REAL + 1)
      yield* eventually(
        resources,
        ({ sockets, timers }) => sockets <= before.sockets && timers <= before.timers
      )
      yield* eventually(redis.command("CLIENT", "LIST"), (clients) => {
        return !String(clients).includes("name=tenant-discovery")
      })
    },
    TIMEOUT
  )

  it.live(
    `leaves no subscription, no timer and no fiber, ${DOUBLES} times at random moments`,
    () =>
      Effect.gen(function* () {
        let open = 0
        let built = 0
        const openAndClose = (seed: number) => {
          const random = Random.make(seed)
          const pause = Effect.flatMap(random.nextIntBetween(0, 6), (count) =>
            Effect.repeatN(Effect.yieldNow(), count)
          )
          const events = Layer.succeed(TenantEvents, {
            subscribe: (sink) =>
              Effect.gen(function* () {
                yield* Effect.acquireRelease(
                  Effect.sync(() => open++),
                  () => Effect.sync(() => open--)
                )
                const signals = Effect.gen(function* () {
                  yield* pause
                  sink.subscribed()
                  yield* pause
                  sink.message(`{"event_type":"tenant.deleted","tenant_id":"acme"}`)
                  yield* pause
                  sink.lost({ _tag: "ConnectionLost", message: "the connection was closed" })
                })
                yield* Effect.forkScoped(Effect.interruptible(Effect.repeatN(signals, 3)))
              })
          })
          const manager = Layer.effect(
            TenantManager,
            Effect.map(TenantManager, (double) => ({
              ...double,
              listActiveTenants: Effect.zipRight(pause, double.listActiveTenants)
            }))
          ).pipe(
            Layer.provide(TestTenantManager.layer({ service: "ledger", tenants: ["acme", "b"] }))
          )
          const layer = TenantDiscovery.layer({ relistDebounce: 1, resubscribeJitter: 1 })
          const program = Effect.gen(function* () {
            const discovery = yield* TenantDiscovery
            yield* discovery.onTenantAdded(() => pause, { replay: true })
            yield* Effect.forkScoped(Effect.repeatN(Effect.ignore(discovery.refresh), 3))
            built++
            return yield* Effect.never
          }).pipe(Effect.provide(layer.pipe(Layer.provide(events), Layer.provide(manager))))
          return Effect.gen(function* () {
            const fiber = yield* Effect.fork(Effect.scoped(program))
            yield* Effect.repeatN(pause, seed % 12)
            if (seed % 2 === 0) yield* Effect.sleep(1)
            yield* Fiber.interrupt(fiber)
            expect(open).toBe(0)
          })
        }
        const run = (from: number, to: number) =>
          Effect.forEach(Array.range(from, to), openAndClose, { discard: true })
        yield* run(1, 100)
        const before = yield* resources
        const fibers = yield* runningFibers
        yield* run(101, DOUBLES)
        // Some are closed while they start, others while they run.
        expect(built).toBeGreaterThan(DOUBLES / 10)
        expect(built).toBeLessThan(DOUBLES)
        expect(yield* runningFibers).toBeLessThanOrEqual(fibers)
        yield* eventually(resources, ({ timers }) => timers <= before.timers)
      }).pipe(Logger.withMinimumLogLevel(LogLevel.None)),
    TIMEOUT
  )
})

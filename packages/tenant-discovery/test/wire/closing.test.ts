/** Close is complete, and bounded (law 12): on real servers, and many times over. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger, LogLevel, Option, Scope } from "effect"
import { layerConfigWith } from "../../src/NodeTenantDiscovery.js"
import { TenantDiscovery } from "../../src/TenantDiscovery.js"
import { TenantEvents } from "../../src/TenantEvents.js"
import { TenantId } from "../../src/Tenant.js"
import { TenantManager } from "../../src/TenantManager.js"
import { TenantManagerNotFound } from "../../src/TenantManagerError.js"
import { TenantListing } from "../../src/TenantListing.js"
import { provider } from "../config/subject.js"
import { eventually } from "../node/support.js"
import { hasNative } from "../redis/support.js"
import { isLive, makeWorld, quick, startProgram } from "./support.js"

/** `LONG_TESTS=1` takes ten thousand of each; otherwise fewer, for the time that they take. */
const long = process.env["LONG_TESTS"] === "1"
const REAL = long ? 10_000 : 100
const DOUBLES = long ? 10_000 : 1_000
const TIMEOUT = long ? 600_000 : 60_000

const kind = hasNative ? "native" : "embedded"

/** What keeps the process alive, or could: sockets, timers and the like, by kind. */
const resources = Effect.sync(() => {
  const counts: Record<string, number> = {}
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1
  return { sockets: counts["TCPSocketWrap"] ?? 0, timers: counts["Timeout"] ?? 0 }
})

/** Fibers that run and that no other one waits for: whatever the discovery forks is among them. */
const runningFibers = Effect.map(Fiber.roots, (fibers) => fibers.length)

const withinTwoSeconds = (close: Effect.Effect<void>) =>
  Effect.map(Effect.timeoutOption(close, "2 seconds"), Option.isSome)

describe("closing", () => {
  it.scopedLive("ends within two seconds with Redis stopped, and the IDs still answer", () =>
    Effect.gen(function* () {
      const { redis, variables } = yield* makeWorld({ redis: { kind } })
      const { close, discovery } = yield* startProgram(variables)
      yield* isLive(discovery)
      yield* redis.stop
      expect(yield* withinTwoSeconds(close)).toBe(true)
      expect(yield* discovery.activeTenantIds).toHaveLength(8)
      expect((yield* discovery.status.get).mode).toBe("BootstrapOnly")
      expect((yield* Effect.flip(discovery.refresh))._tag).toBe("TenantManagerUnavailable")
    })
  )

  it.scopedLive("ends within two seconds in the middle of connecting", () =>
    Effect.gen(function* () {
      const { proxy, variables } = yield* makeWorld({ redis: { kind } })
      yield* proxy.hold()
      const scope = yield* Scope.make()
      const building = yield* Effect.fork(
        Layer.buildWithScope(layerConfigWith(quick), scope).pipe(
          Effect.withConfigProvider(provider(variables))
        )
      )
      yield* eventually(proxy.connections, (count) => count > 0)
      const close = Effect.zipRight(Fiber.interrupt(building), Scope.close(scope, Exit.void))
      expect(yield* withinTwoSeconds(close)).toBe(true)
      // Nothing is read from a held connection, its end neither.
      yield* proxy.resume
      yield* eventually(proxy.connections, (count) => count === 0)
    })
  )

  it.scopedLive(
    `leaves no socket and no timer, ${REAL} times on the real thing`,
    () =>
      Effect.gen(function* () {
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
      }),
    TIMEOUT
  )

  it.scopedLive(
    `leaves nothing after ${DOUBLES} opens and closes of the discovery`,
    () =>
      Effect.gen(function* () {
        let open = 0
        const events = Layer.succeed(TenantEvents, {
          subscribe: (sink) =>
            Effect.acquireRelease(
              Effect.sync(() => {
                open++
                sink.subscribed()
              }),
              () => Effect.sync(() => open--)
            )
        })
        const tenants = [{ id: TenantId.make("acme"), name: "Acme" }]
        const manager = Layer.succeed(TenantManager, {
          service: "ledger",
          listActiveTenants: Effect.succeed(TenantListing.of(tenants)),
          getConnections: () =>
            Effect.fail(
              new TenantManagerNotFound({ operation: "connections", message: "none here" })
            )
        })
        const once = TenantDiscovery.pipe(
          Effect.tap((discovery) => discovery.onTenantAdded(() => Effect.void)),
          Effect.provide(
            TenantDiscovery.layer().pipe(Layer.provide(events), Layer.provide(manager))
          ),
          Effect.scoped,
          Logger.withMinimumLogLevel(LogLevel.None),
          // The event loop gets its turn, as it does between real ones.
          Effect.zipLeft(Effect.promise(() => new Promise((resolve) => setImmediate(resolve))))
        )
        yield* Effect.repeatN(once, 99)
        const before = yield* resources
        const fibers = yield* runningFibers
        yield* Effect.repeatN(once, DOUBLES - 1)
        expect(open).toBe(0)
        expect(yield* runningFibers).toBeLessThanOrEqual(fibers)
        yield* eventually(resources, ({ timers }) => timers <= before.timers)
      }),
    TIMEOUT
  )
})

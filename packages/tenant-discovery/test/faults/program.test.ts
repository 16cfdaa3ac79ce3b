/** Faults of the program itself: a blocked event loop, a clock that jumps, early closes, slow readers. */
import { describe, expect, vi } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { layerConfigWith } from "../../src/NodeTenantDiscovery.js"
import { TenantId } from "../../src/Tenant.js"
import { TenantDiscovery } from "../../src/TenantDiscovery.js"
import { provider } from "../config/subject.js"
import { SeededRandom, seed } from "../fuzz/hostile.js"
import { logInto } from "../node/support.js"
import { agrees, isLive, quick } from "../wire/support.js"
import {
  LONG,
  makeServers,
  measureLeftovers,
  modes,
  expectNothingLeft,
  watch,
  times,
  expectLoss,
  lastErrorText,
  until
} from "./support.js"
import { live, liveEach } from "../support/live.js"

const MINUTE = 60_000

/** Blocks the event loop. */
const block = (millis: number) =>
  Effect.sync(() => {
    const end = performance.now() + millis
    while (performance.now() < end);
  })

/** Sets the clock that people read by so much; the one that ages are measureLeftovers by stays. */
const clockSet = (millis: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const now = Date.now
      return vi.spyOn(Date, "now").mockImplementation(() => now() + millis)
    }),
    (spy) => Effect.sync(() => spy.mockRestore())
  )

describe("the program", () => {
  live(
    "a blocked event loop does not lose the subscription",
    function* () {
      const servers = yield* makeServers()
      const { discovery, statuses, verify } = yield* watch(servers, {
        // Not through the proxy, which runs in this process.
        variables: { MULTI_TENANT_REDIS_PORT: String(servers.redis.port) }
      })
      yield* isLive(discovery)
      const lists = yield* servers.simulator.listCalls
      // Longer than the heartbeat timeout of 700 ms; Redis has answered meanwhile.
      for (let round = 0; round < times(5, 2); round++) {
        yield* block(times(5_000, 1_000))
        yield* servers.simulator.create({ id: `after-block-${round}` })
        yield* agrees(servers.simulator, discovery)
      }
      yield* verify
      expect(new Set(statuses.map(({ mode }) => mode))).toEqual(new Set(["Live"]))
      expect(yield* servers.simulator.listCalls).toBe(lists)
    },
    LONG
  )

  liveEach([
    ["back an hour", -60 * MINUTE],
    ["ahead a day", 24 * 60 * MINUTE]
  ] as const)(
    "a clock set %s changes neither the lists nor the age of the view",
    function* ([, by]) {
      const servers = yield* makeServers()
      const { discovery, statuses, verify } = yield* watch(servers)
      yield* isLive(discovery)
      const lists = yield* servers.simulator.listCalls
      const { revision } = yield* discovery.view.get
      yield* clockSet(by)
      yield* discovery.requireFresh("10 seconds")
      yield* servers.simulator.create({ id: "afterwards" })
      yield* agrees(servers.simulator, discovery)
      expect((yield* discovery.view.get).revision).toBeGreaterThan(revision)
      expect(modes(statuses)).toEqual(["Live"])
      expect(statuses.map(lastErrorText).filter((text) => text !== "")).toEqual([])
      expect(yield* servers.simulator.listCalls).toBe(lists)
      yield* discovery.refresh
      yield* servers.redis.command("CLIENT", "KILL", "TYPE", "pubsub")
      yield* until("another list", servers.simulator.listCalls, (count) => count > lists + 1)
      yield* isLive(discovery)
      yield* verify
      expectLoss(statuses, /^ConnectionLost/)
    }
  )

  live(
    `closes at ${times(200, 20)} random moments of the start, seed ${seed}`,
    function* () {
      const servers = yield* makeServers()
      const random = new SeededRandom(seed)
      /** The tenants that a handler received after the close. */
      const late: Array<string> = []
      const open = (scope: Scope.Scope, isClosed: () => boolean) =>
        Effect.gen(function* () {
          const discovery = Context.get(
            yield* Layer.buildWithScope(layerConfigWith(quick), scope),
            TenantDiscovery
          )
          yield* discovery
            .onTenantAdded(
              ({ id }) => Effect.sync(() => (isClosed() ? late.push(id) : undefined)),
              { replay: true }
            )
            .pipe(Scope.extend(scope))
          // The layer is built after its first list.
          const { lastListedAt, mode } = yield* discovery.status.get
          expect(mode).not.toBe("SingleTenant")
          expect(lastListedAt).toBeDefined()
        }).pipe(Effect.withConfigProvider(provider(servers.variables)), Effect.provide(logInto([])))
      // The duration of a whole start.
      const began = performance.now()
      yield* Effect.scoped(Effect.flatMap(Effect.scope, (scope) => open(scope, () => false)))
      const whole = performance.now() - began
      const before = yield* measureLeftovers
      let [started, stopped] = [0, 0]
      for (let round = 0; round < times(200, 20); round++) {
        const scope = yield* Scope.make()
        let closed = false
        const starting = yield* Effect.fork(open(scope, () => closed))
        const moment = whole * 1.2 * random.next()
        yield* Effect.raceFirst(Fiber.await(starting), Effect.delay(Effect.void, moment))
        const exit = yield* Fiber.interrupt(starting)
        yield* Scope.close(scope, Exit.void).pipe(Effect.timeout("2 seconds"))
        closed = true
        if (Exit.isSuccess(exit)) started++
        else if (Exit.isInterrupted(exit)) stopped++
      }
      expect(started + stopped).toBe(times(200, 20))
      yield* expectNothingLeft(servers, before)
      expect(late).toEqual([])
    },
    LONG
  )

  live("two programs in one process are independent", function* () {
    const servers = yield* makeServers()
    const [one, two] = yield* Effect.all([watch(servers), watch(servers)], { concurrency: 2 })
    yield* isLive(one.discovery)
    yield* isLive(two.discovery)
    yield* servers.simulator.create({ id: "for-both" })
    yield* agrees(servers.simulator, one.discovery)
    yield* agrees(servers.simulator, two.discovery)
    expect(yield* servers.proxy.connections).toBe(2)
    yield* Effect.all([one.verify, two.verify], { concurrency: 2 })
    for (const { statuses } of [one, two]) {
      expect(statuses.at(-1)?.mode).toBe("Live")
      expect(statuses.map(lastErrorText).filter((text) => text !== "")).toEqual([])
    }
  })

  live(
    `${times(1_000, 200)} handlers each receive every change`,
    function* () {
      const servers = yield* makeServers()
      const { discovery, statuses, verify } = yield* watch(servers)
      yield* isLive(discovery)
      const notified = Array.from({ length: times(1_000, 200) }, () => new Array<string>())
      yield* Effect.forEach(notified, (mine) =>
        discovery.onTenantAdded(({ id }) => Effect.sync(() => mine.push(id)))
      )
      const before = yield* servers.simulator.activeTenantIds()
      yield* servers.simulator.bulkCreate(50)
      const after = yield* servers.simulator.activeTenantIds()
      const all = after.filter((id) => !before.includes(id)).join(" ")
      yield* until(
        "each handler has all changes",
        Effect.sync(() => notified.filter((mine) => mine.toSorted().join(" ") !== all).length),
        (wrong) => wrong === 0
      )
      yield* verify
      expect(modes(statuses)).toEqual(["Live"])
    },
    LONG
  )

  live("a handler that never ends delays neither readers nor the close", function* () {
    const servers = yield* makeServers()
    const { close, discovery, statuses, verify } = yield* watch(servers)
    yield* isLive(discovery)
    let stuck = 0
    let interrupted = false
    const mine = yield* Scope.make()
    yield* discovery
      .onTenantAdded(() =>
        Effect.onInterrupt(
          Effect.suspend(() => {
            stuck++
            return Effect.never
          }),
          () => Effect.sync(() => (interrupted = true))
        )
      )
      .pipe(Scope.extend(mine))
    const reading = yield* Effect.fork(Stream.runForEach(discovery.changes, () => Effect.never))
    yield* servers.simulator.bulkCreate(100)
    yield* agrees(servers.simulator, discovery)
    yield* servers.simulator.create({ id: "another" })
    yield* until(
      "the event applies",
      discovery.isActive(TenantId.make("another")),
      (active) => active
    )
    expect(stuck).toBe(1)
    yield* close.pipe(Effect.timeout("2 seconds"))
    // The handler belongs to its caller's scope.
    expect(interrupted).toBe(false)
    yield* Scope.close(mine, Exit.void)
    expect([stuck, interrupted]).toEqual([1, true])
    yield* Fiber.interrupt(reading)
    yield* verify
    expect(modes(statuses)).toEqual(["Live"])
  })
})

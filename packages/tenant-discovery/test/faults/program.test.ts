/** Faults of the program itself: early closes, other programs, slow readers. */
import { describe, expect } from "@effect/vitest"
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
  expectNothingLeft,
  watch,
  watchLive,
  times,
  lastErrorText,
  until
} from "./support.js"
import { live } from "../support/live.js"

describe("the program", () => {
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

  live("a handler that never ends delays neither readers nor the close", function* () {
    const { close, discovery, simulator, verifyLive } = yield* watchLive()
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
    yield* simulator.bulkCreate(100)
    yield* agrees(simulator, discovery)
    yield* simulator.create({ id: "another" })
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
    yield* verifyLive
  })
})

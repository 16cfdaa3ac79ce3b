/**
 * The program itself, badly behaved: a busy event loop, a clock that jumps, scopes that
 * close at any moment, many readers and readers that never end.
 */
import { describe, expect, it, vi } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { layerConfigWith } from "../../src/NodeTenantDiscovery.js"
import { TenantId } from "../../src/Tenant.js"
import { TenantDiscovery } from "../../src/TenantDiscovery.js"
import { provider } from "../config/subject.js"
import { Dice, seed } from "../fuzz/hostile.js"
import { logInto } from "../node/support.js"
import { agrees, isLive, quick } from "../wire/support.js"
import {
  LONG,
  makeStage,
  measured,
  modes,
  nothingLeft,
  play,
  times,
  toldOfLoss,
  trouble,
  until
} from "./support.js"

const MINUTE = 60_000

/** Keeps the event loop busy. */
const block = (millis: number) =>
  Effect.sync(() => {
    const end = performance.now() + millis
    while (performance.now() < end);
  })

/** Sets the clock that people read by so much; the one that ages are measured by stays. */
const clockSet = (millis: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const now = Date.now
      return vi.spyOn(Date, "now").mockImplementation(() => now() + millis)
    }),
    (spy) => Effect.sync(() => spy.mockRestore())
  )

describe("the program", () => {
  it.scopedLive(
    "an event loop that is blocked for long is no lost subscription",
    () =>
      Effect.gen(function* () {
        const stage = yield* makeStage()
        const { discovery, statuses, verdict } = yield* play(stage, {
          // Not through the proxy: it is in this process, and would be blocked as well.
          variables: { MULTI_TENANT_REDIS_PORT: String(stage.redis.port) }
        })
        yield* isLive(discovery)
        const lists = yield* stage.simulator.listCalls
        // Past the heartbeat's 700 ms; Redis is another process and has long answered.
        for (let round = 0; round < times(5, 2); round++) {
          yield* block(times(5_000, 1_000))
          yield* stage.simulator.create({ id: `after-block-${round}` })
          yield* agrees(stage.simulator, discovery)
        }
        yield* verdict
        expect(new Set(statuses.map(({ mode }) => mode))).toEqual(new Set(["Live"]))
        expect(yield* stage.simulator.listCalls).toBe(lists)
      }),
    LONG
  )

  it.scopedLive.each([
    ["back an hour", -60 * MINUTE],
    ["ahead a day", 24 * 60 * MINUTE]
  ] as const)("the clock set %s: no list early or late, no view old or young", ([, by]) =>
    Effect.gen(function* () {
      const stage = yield* makeStage()
      const { discovery, statuses, verdict } = yield* play(stage)
      yield* isLive(discovery)
      const lists = yield* stage.simulator.listCalls
      const { revision } = yield* discovery.view.get
      yield* clockSet(by)
      yield* discovery.requireFresh("10 seconds")
      yield* stage.simulator.create({ id: "afterwards" })
      yield* agrees(stage.simulator, discovery)
      expect((yield* discovery.view.get).revision).toBeGreaterThan(revision)
      expect(modes(statuses)).toEqual(["Live"])
      expect(statuses.map(trouble).filter((text) => text !== "")).toEqual([])
      expect(yield* stage.simulator.listCalls).toBe(lists)
      yield* discovery.refresh
      yield* stage.redis.command("CLIENT", "KILL", "TYPE", "pubsub")
      yield* until("another list", stage.simulator.listCalls, (count) => count > lists + 1)
      yield* isLive(discovery)
      yield* verdict
      toldOfLoss(statuses, /^ConnectionLost/)
    })
  )

  it.scopedLive(
    `closed at ${times(200, 20)} random moments of the start, seed ${seed}`,
    () =>
      Effect.gen(function* () {
        const stage = yield* makeStage()
        const dice = new Dice(seed)
        /** Who was told something after the scope had closed. */
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
            // Nothing is claimed before it is so.
            const { lastListedAt, mode } = yield* discovery.status.get
            expect(mode).not.toBe("SingleTenant")
            expect(lastListedAt).toBeDefined()
          }).pipe(Effect.withConfigProvider(provider(stage.variables)), Effect.provide(logInto([])))
        // A whole start, to know how long one takes.
        const began = performance.now()
        yield* Effect.scoped(Effect.flatMap(Effect.scope, (scope) => open(scope, () => false)))
        const whole = performance.now() - began
        const before = yield* measured
        let [started, stopped] = [0, 0]
        for (let round = 0; round < times(200, 20); round++) {
          const scope = yield* Scope.make()
          let closed = false
          const starting = yield* Effect.fork(open(scope, () => closed))
          const moment = whole * 1.2 * dice.next()
          yield* Effect.raceFirst(Fiber.await(starting), Effect.delay(Effect.void, moment))
          const exit = yield* Fiber.interrupt(starting)
          yield* Scope.close(scope, Exit.void).pipe(Effect.timeout("2 seconds"))
          closed = true
          if (Exit.isSuccess(exit)) started++
          else if (Exit.isInterrupted(exit)) stopped++
        }
        expect(started + stopped).toBe(times(200, 20))
        yield* nothingLeft(stage, before)
        expect(late).toEqual([])
      }),
    LONG
  )

  it.scopedLive("two at once are two, and one's end is not the other's", () =>
    Effect.gen(function* () {
      const stage = yield* makeStage()
      const [one, two] = yield* Effect.all([play(stage), play(stage)], { concurrency: 2 })
      yield* isLive(one.discovery)
      yield* isLive(two.discovery)
      yield* stage.simulator.create({ id: "for-both" })
      yield* agrees(stage.simulator, one.discovery)
      yield* agrees(stage.simulator, two.discovery)
      expect(yield* stage.proxy.connections).toBe(2)
      yield* Effect.all([one.verdict, two.verdict], { concurrency: 2 })
      for (const { statuses } of [one, two]) {
        expect(statuses.at(-1)?.mode).toBe("Live")
        expect(statuses.map(trouble).filter((text) => text !== "")).toEqual([])
      }
    })
  )

  it.scopedLive(
    `${times(1_000, 200)} handlers are each told all of it`,
    () =>
      Effect.gen(function* () {
        const stage = yield* makeStage()
        const { discovery, statuses, verdict } = yield* play(stage)
        yield* isLive(discovery)
        const told = Array.from({ length: times(1_000, 200) }, () => new Array<string>())
        yield* Effect.forEach(told, (mine) =>
          discovery.onTenantAdded(({ id }) => Effect.sync(() => mine.push(id)))
        )
        const before = yield* stage.simulator.activeTenantIds()
        yield* stage.simulator.bulkCreate(50)
        const after = yield* stage.simulator.activeTenantIds()
        const all = after.filter((id) => !before.includes(id)).join(" ")
        yield* until(
          "each has all",
          Effect.sync(() => told.filter((mine) => mine.toSorted().join(" ") !== all).length),
          (wrong) => wrong === 0
        )
        yield* verdict
        expect(modes(statuses)).toEqual(["Live"])
      }),
    LONG
  )

  it.scopedLive("a handler that never ends holds back nobody, nor the close", () =>
    Effect.gen(function* () {
      const stage = yield* makeStage()
      const { close, discovery, statuses, verdict } = yield* play(stage)
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
      yield* stage.simulator.bulkCreate(100)
      yield* agrees(stage.simulator, discovery)
      yield* stage.simulator.create({ id: "another" })
      yield* until("it is heard", discovery.isActive(TenantId.make("another")), (active) => active)
      expect(stuck).toBe(1)
      yield* close.pipe(Effect.timeout("2 seconds"))
      // What is in the middle of something goes on until whoever asked for it is done.
      expect(interrupted).toBe(false)
      yield* Scope.close(mine, Exit.void)
      expect([stuck, interrupted]).toEqual([1, true])
      yield* Fiber.interrupt(reading)
      yield* verdict
      expect(modes(statuses)).toEqual(["Live"])
    })
  )
})

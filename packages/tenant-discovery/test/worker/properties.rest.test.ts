/**
 * Random histories of tenants under the test clock: they are added and removed, fail, hang and end
 * slowly, until the program closes at any point.
 */
import { describe, expect, it } from "@effect/vitest"
import {
  Effect,
  Exit,
  FastCheck as fc,
  Layer,
  Schedule,
  Scope,
  Struct,
  TestClock,
  TestContext
} from "effect"
import { TenantId } from "../../src/Tenant.js"
import { TenantDiscovery } from "../../src/TenantDiscovery.js"
import * as TenantWorker from "../../src/TenantWorker.js"
import { TestTenantDiscovery } from "../../src/testing.js"
import { Boom, captureLogs, Probe, settle } from "./support.js"

const names = ["a", "b", "c", "d", "e"]

type Step =
  | { readonly do: "add" | "remove" | "rotate"; readonly id: string }
  | { readonly do: "behave"; readonly id: string; readonly how: keyof typeof behaviours }
  | { readonly do: "wait"; readonly seconds: number }

const behaviours = {
  quick: Effect.void,
  slow: Effect.sleep("3 seconds"),
  fails: Effect.fail(new Boom({ message: "no luck" })),
  dies: Effect.die(new Error("a bug")),
  hangs: Effect.never,
  slowToEnd: Effect.onInterrupt(Effect.never, () => Effect.sleep("2 seconds"))
}

const name = fc.constantFrom(...names)
const how = fc.constantFrom(...Struct.keys(behaviours))
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom("add" as const, "remove" as const), id: name }),
  fc.record({ do: fc.constant("rotate" as const), id: name }),
  fc.record({ do: fc.constant("behave" as const), id: name, how }),
  fc.record({ do: fc.constant("wait" as const), seconds: fc.integer({ min: 0, max: 7 }) })
)
const history = fc.array(step, { minLength: 1, maxLength: 25 })

/** Runs a history over a worker, and checks what the worker promises. */
const check = (
  steps: ReadonlyArray<Step>,
  worker: (probe: Probe) => Layer.Layer<never, never, TenantDiscovery>,
  atRest: (probe: Probe, active: ReadonlySet<string>) => Effect.Effect<void>
) =>
  Effect.gen(function* () {
    const probe = new Probe()
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(
      worker(probe).pipe(
        Layer.provideMerge(TestTenantDiscovery.layer(["a", "b"])),
        Layer.provide(captureLogs().layer)
      ),
      scope
    )
    const control = yield* Effect.provide(TestTenantDiscovery, context)
    const { isActive } = yield* Effect.provide(TenantDiscovery, context)
    const inactive: Array<string> = []
    probe.onStart = (id) => {
      if (!Effect.runSync(isActive(TenantId.make(id)))) inactive.push(id)
    }
    const active = new Set(["a", "b"])
    yield* settle
    for (const one of steps) {
      switch (one.do) {
        case "add":
          active.add(one.id)
          yield* control.add(one.id)
          break
        case "remove":
          active.delete(one.id)
          yield* control.remove(one.id)
          break
        case "rotate":
          yield* control.rotate(one.id)
          break
        case "behave":
          probe.behaviour.set(one.id, behaviours[one.how])
          break
        case "wait":
          yield* TestClock.adjust(`${one.seconds} seconds`)
          break
      }
    }
    yield* settle
    yield* atRest(probe, active)
    const known = [...(yield* Effect.provide(TenantWorker.status("worker"), context)).keys()]
    expect(known.filter((id) => !active.has(id) && !probe.active.has(id))).toEqual([])
    const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
    // Long enough for the drain and for runs that end slowly.
    yield* TestClock.adjust("20 seconds")
    yield* closing
    const started = probe.started.length
    yield* TestClock.adjust("10 minutes")
    expect(probe.mostOfOne, "runs of one tenant at once").toBeLessThanOrEqual(1)
    expect(inactive, "runs started for inactive tenants").toEqual([])
    expect(probe.activeIds, "runs left after the close").toEqual([])
    expect(probe.ended.length, "finalizers, one per run").toBe(probe.started.length)
    expect(probe.started.length, "runs started after the close").toBe(started)
  })

/** A property of a worker over every history, whose options vary. */
const property = <A>(
  name: string,
  numRuns: number,
  varied: fc.Arbitrary<A>,
  worker: (varied: A) => Parameters<typeof check>[1],
  atRest: (varied: A) => Parameters<typeof check>[2]
) =>
  it.effect(
    `${name}: one run per tenant at a time, none for inactive tenants, a turn for each, none left after close`,
    () =>
      Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(history, varied, (steps, varied) =>
            check(steps, worker(varied), atRest(varied)).pipe(
              Effect.provide(TestContext.TestContext),
              Effect.runPromise
            )
          ),
          { numRuns }
        )
      ),
    60_000
  )

describe("for every history of the tenants", () => {
  property(
    "scheduled",
    10,
    fc.constantFrom("skip" as const, "wait" as const),
    (overlap) => (probe) =>
      TenantWorker.scheduled({
        name: "worker",
        schedule: Schedule.spaced("5 seconds"),
        concurrency: 2,
        timeout: "4 seconds",
        drain: "3 seconds",
        overlap,
        run: probe.run
      }),
    () => (probe, active) =>
      Effect.gen(function* () {
        // A run takes at most 4 s and 2 s to end, two at a time: all five have had a turn within
        // 18 s and the next tick.
        const before = probe.started.length
        for (let i = 0; i < 12; i++) yield* TestClock.adjust("5 seconds")
        yield* settle
        const since = new Set(probe.started.slice(before))
        expect([...active].filter((id) => !since.has(id))).toEqual([])
      })
  )

  property(
    "perTenant",
    20,
    fc.record({
      onConnectionsChanged: fc.constantFrom("keep" as const, "restart" as const),
      maxTenants: fc.integer({ min: 1, max: 5 })
    }),
    (options) => (probe) =>
      TenantWorker.perTenant({
        name: "worker",
        restart: Schedule.spaced("2 seconds"),
        ...options,
        run: probe.run
      }),
    ({ maxTenants }) =>
      (probe, active) =>
        Effect.gen(function* () {
          for (let i = 0; i < 4; i++) yield* TestClock.adjust("5 seconds")
          yield* settle
          expect(probe.most).toBeLessThanOrEqual(maxTenants)
          if (maxTenants < 5) return
          expect([...active].filter((id) => probe.startsOf(id) === 0)).toEqual([])
        })
  )
})

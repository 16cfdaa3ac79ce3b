/**
 * Random histories: one request a tenant at a time, and no settings older than the events.
 */
import { describe, expect, it } from "@effect/vitest"
import {
  Effect,
  FastCheck as fc,
  Layer,
  Logger,
  LogLevel,
  Redacted,
  Struct,
  TestClock,
  TestContext
} from "effect"
import { TenantId } from "../../src/Tenant.js"
import { type Connections, TenantConnections } from "../../src/TenantConnections.js"
import { unavailable, World } from "./support/world.js"

const ids = ["acme", "globex", "initech"].map(TenantId.make)

const acts = {
  Get: 3,
  GetAtOnce: 3,
  Rotate: 3,
  Leave: 1,
  Join: 1,
  Wait: 3,
  Gap: 1,
  Outage: 1,
  Recovery: 1
} as const

const steps = fc.array(
  fc.record({
    act: fc.oneof(
      ...Struct.entries(acts).map(([act, weight]) => ({ weight, arbitrary: fc.constant(act) }))
    ),
    id: fc.constantFrom(...ids),
    millis: fc.constantFrom(1, 500, 1000, 5000, 30_000, 61_000),
    rotated: fc.uniqueArray(fc.constantFrom(...ids))
  }),
  { minLength: 1, maxLength: 25 }
)
type Step = typeof steps extends fc.Arbitrary<Array<infer Each>> ? Each : never

const rotationOf = (connections: Connections): number => {
  const password = connections.settings.databases?.["onboarding"]?.postgresql?.password
  return Number(password && Redacted.value(password).split("#")[1])
}

const run = (steps: ReadonlyArray<Step>) =>
  Effect.suspend(() => {
    const world = new World(ids)
    /** Rotations of which an event came. */
    const reported = new Map<TenantId, number>()

    const check = (connections: Connections) => {
      const { tenantId } = connections
      const rotation = rotationOf(connections)
      expect(rotation).toBeGreaterThanOrEqual(reported.get(tenantId) ?? 0)
      if (!connections.stale) expect(rotation).toBe(world.rotations.get(tenantId) ?? 0)
    }

    const take = (step: Step) =>
      Effect.gen(function* () {
        const connections = yield* TenantConnections
        const get = (id: TenantId) =>
          connections.get(id).pipe(
            Effect.map(check),
            Effect.catchTag("TenantManagerUnavailable", () => Effect.void)
          )
        switch (step.act) {
          case "Get":
            return yield* get(step.id)
          case "GetAtOnce":
            return yield* Effect.all(
              Array.from({ length: 5 }, () => get(step.id)),
              { concurrency: "unbounded", discard: true }
            )
          case "Rotate":
            if (!world.ids.has(step.id)) return
            yield* world.rotate(step.id)
            return void reported.set(step.id, world.rotations.get(step.id) ?? 0)
          case "Leave":
            if (world.ids.has(step.id)) yield* world.remove(step.id)
            return
          case "Join":
            if (!world.ids.has(step.id)) yield* world.add(step.id)
            return
          case "Wait":
            return yield* TestClock.adjust(step.millis)
          case "Gap":
            return yield* world.gap(() => {
              for (const id of step.rotated) {
                world.rotations.set(id, (world.rotations.get(id) ?? 0) + 1)
              }
            })
          case "Outage":
            world.failure = unavailable
            return
          case "Recovery":
            world.failure = undefined
        }
      })

    return Effect.forEach(steps, take, { discard: true }).pipe(
      Effect.tap(() => expect(world.mostUnderWayPerTenant).toBeLessThanOrEqual(1)),
      Effect.provide(
        TenantConnections.layer({ ttl: "1 minute" }).pipe(Layer.provideMerge(world.discovery))
      ),
      Logger.withMinimumLogLevel(LogLevel.None),
      Effect.provide(TestContext.TestContext)
    )
  })

describe("connection settings", () => {
  it("are never older than the events, with one request a tenant at a time", () =>
    expect(
      fc.assert(
        fc.asyncProperty(steps, (steps) => Effect.runPromise(run(steps))),
        { numRuns: 100 }
      )
    ).resolves.toBeUndefined())
})

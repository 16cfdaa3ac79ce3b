/**
 * Random histories: one request a tenant at a time, and no settings older than the events.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Layer, TestClock } from "effect"
import { TenantId } from "../../src/Tenant.js"
import { type Connections, TenantConnections } from "../../src/TenantConnections.js"
import { atOnce } from "./support/eventually.js"
import { histories, runQuietly } from "./support/history.js"
import { rotationOf, unavailable, World } from "./support/world.js"

const ids = ["acme", "globex", "initech"].map(TenantId.make)

const weights = {
  Get: 3,
  GetAtOnce: 3,
  Rotate: 3,
  Leave: 1,
  Join: 1,
  Wait: 3,
  Gap: 1,
  Outage: 1,
  Recovery: 1
}
const fields = fc.record({
  id: fc.constantFrom(...ids),
  millis: fc.constantFrom(1, 500, 1000, 5000, 30_000, 61_000),
  /** Rotated during a gap. */
  rotated: fc.uniqueArray(fc.constantFrom(...ids))
})
const history = histories(weights, fields, 25)
type History = typeof history extends fc.Arbitrary<infer Each> ? Each : never

const run = (steps: History) => {
  const world = new World(ids)

  const check = ({ settings, stale, tenantId }: Connections) => {
    const rotation = rotationOf(settings.databases?.["onboarding"]?.postgresql?.password)
    expect(rotation).toBeGreaterThanOrEqual(world.reported.get(tenantId) ?? 0)
    if (!stale) expect(rotation).toBe(world.rotations.get(tenantId) ?? 0)
  }

  const take = ({ act, fields: { id, millis, rotated } }: History[number]) =>
    Effect.gen(function* () {
      const connections = yield* TenantConnections
      const get = connections.get(id).pipe(
        Effect.map(check),
        Effect.catchTag("TenantManagerUnavailable", () => Effect.void)
      )
      switch (act) {
        case "Get":
          return yield* get
        case "GetAtOnce":
          return yield* Effect.asVoid(atOnce(5, get))
        case "Rotate":
          return yield* world.rotate(id)
        case "Leave":
          return yield* world.remove(id)
        case "Join":
          return yield* world.add(id)
        case "Wait":
          return yield* TestClock.adjust(millis)
        case "Gap":
          return yield* world.gap(() => {
            for (const each of rotated)
              world.rotations.set(each, (world.rotations.get(each) ?? 0) + 1)
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
    )
  )
}

describe("connection settings", () => {
  it("are never older than the events, with one request a tenant at a time", () =>
    expect(
      fc.assert(
        fc.asyncProperty(history, (steps) => runQuietly(run(steps))),
        { numRuns: 100 }
      )
    ).resolves.toBeUndefined())
})

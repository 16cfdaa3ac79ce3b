/**
 * Random histories of uses, rotations, removals, failures and time: never more tenants with
 * resources than the cap, two resources a tenant at most, each released exactly once, no
 * wait without end, and no old credentials for a caller that asks after a rotation.
 */
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Exit, FastCheck as fc, Fiber, Layer, Scope, TestClock } from "effect"
import { TenantId } from "../../src/Tenant.js"
import { TenantConnections } from "../../src/TenantConnections.js"
import * as TenantLayers from "../../src/TenantLayers.js"
import { histories, runQuietly } from "../connections/support/history.js"
import { rotationOf, World } from "../connections/support/world.js"

const ids = ["acme", "globex", "initech", "umbrella"].map(TenantId.make)

interface Db {
  readonly tenantId: TenantId
  readonly rotation: number
  releases: number
}
class DbTag extends Context.Tag("test/Db")<DbTag, Db>() {}

class Ledger {
  readonly acquired: Array<Db> = []
  readonly alive = new Map<TenantId, number>()
  mostTenants = 0
  mostOfOneTenant = 0
  failing = false

  count(id: TenantId, by: 1 | -1): void {
    const count = (this.alive.get(id) ?? 0) + by
    if (count === 0) this.alive.delete(id)
    else this.alive.set(id, count)
    this.mostTenants = Math.max(this.mostTenants, this.alive.size)
    this.mostOfOneTenant = Math.max(this.mostOfOneTenant, count)
  }
}
class LedgerTag extends Context.Tag("test/Ledger")<LedgerTag, Ledger>() {}

class TenantDb extends TenantLayers.Service<TenantDb>()("test/TenantDb", {
  lookup: (connections, tenant) =>
    Layer.scoped(
      DbTag,
      Effect.gen(function* () {
        const ledger = yield* LedgerTag
        const { password } = yield* connections.postgresql()
        const db = yield* Effect.acquireRelease(
          Effect.sync(() => {
            const db: Db = { tenantId: tenant.id, rotation: rotationOf(password), releases: 0 }
            ledger.acquired.push(db)
            ledger.count(tenant.id, 1)
            return db
          }),
          (db) =>
            Effect.zipRight(
              Effect.sleep("20 millis"),
              Effect.sync(() => {
                db.releases++
                ledger.count(db.tenantId, -1)
              })
            )
        )
        yield* Effect.sleep("10 millis")
        if (ledger.failing) return yield* Effect.fail("refused")
        return db
      })
    )
}) {}

const weights = {
  Use: 10,
  Rotate: 2,
  Leave: 1,
  Join: 1,
  Invalidate: 1,
  Interrupt: 2,
  Wait: 4,
  Fail: 1,
  Recover: 1
}
const fields = fc.record({
  id: fc.constantFrom(...ids),
  nth: fc.nat(10),
  work: fc.constantFrom(0, 5, 100, 3000, 20_000, 100_000),
  wait: fc.constantFrom(0, 1, 10, 30, 500, 5000, 30_000, 61_000)
})
const history = histories(weights, fields, 40)
type History = typeof history extends fc.Arbitrary<infer Each> ? Each : never

const run = (maxTenants: number, steps: History) =>
  Effect.gen(function* () {
    const world = new World(ids)
    const ledger = new Ledger()
    const users: Array<Fiber.Fiber<Exit.Exit<void, unknown>>> = []

    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(
      TenantDb.layer({ maxTenants, acquireTimeout: "50 seconds", idleTimeout: "1 minute" }).pipe(
        Layer.provideMerge(Layer.succeed(LedgerTag, ledger)),
        Layer.provideMerge(TenantConnections.layer()),
        Layer.provideMerge(world.discovery)
      ),
      scope
    )

    const take = ({ act, fields: { id, nth, wait, work } }: History[number]) =>
      Effect.gen(function* () {
        switch (act) {
          case "Use": {
            const from = world.reported.get(id) ?? 0
            const user = Effect.gen(function* () {
              const db = yield* DbTag
              expect(db.releases).toBe(0)
              expect(db.rotation).toBeGreaterThanOrEqual(from)
              yield* Effect.sleep(work)
            })
            return void users.push(yield* Effect.fork(Effect.exit(TenantDb.provide(id)(user))))
          }
          case "Rotate":
            return yield* world.rotate(id)
          case "Leave":
            return yield* world.remove(id)
          case "Join":
            return yield* world.add(id)
          case "Invalidate":
            return yield* TenantDb.invalidate(id)
          case "Interrupt":
            return yield* Effect.forEach(users.slice(nth, nth + 1), Fiber.interruptFork, {
              discard: true
            })
          case "Wait":
            return yield* TestClock.adjust(wait)
          case "Fail":
            ledger.failing = true
            return
          case "Recover":
            ledger.failing = false
        }
      })

    yield* Effect.provide(Effect.forEach(steps, take, { discard: true }), context)
    // Every use ends: its waits are bounded.
    for (let i = 0; i < 8; i++) yield* TestClock.adjust("50 seconds")
    for (const user of users) {
      const ended = yield* Fiber.await(user)
      const exit = Exit.flatten(ended)
      if (Exit.isFailure(exit)) expect(String(exit.cause)).not.toContain("AssertionError")
    }
    // Idle resources are released.
    for (let i = 0; i < 3; i++) yield* TestClock.adjust("1 minute")
    expect(ledger.alive.size).toBe(0)

    // No place was lost: as many tenants as the cap have one at the same time.
    ledger.failing = false
    const last = ids.slice(0, maxTenants)
    yield* Effect.provide(
      Effect.forEach(ids, (id) => world.add(id)),
      context
    )
    const holders = yield* Effect.forEach(last, (id) =>
      Effect.fork(Effect.provide(TenantDb.provide(id)(Effect.sleep("5 seconds")), context))
    )
    yield* TestClock.adjust("1 second")
    expect(ledger.alive.size).toBe(last.length)
    yield* TestClock.adjust("10 seconds")
    yield* Effect.forEach(holders, Fiber.join)

    const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
    yield* TestClock.adjust("1 minute")
    yield* Fiber.join(closing)
    expect(ledger.mostTenants).toBeLessThanOrEqual(maxTenants)
    expect(ledger.mostOfOneTenant).toBeLessThanOrEqual(2)
    expect(ledger.acquired.map(({ releases }) => releases)).toEqual(ledger.acquired.map(() => 1))
  })

describe("tenant layers", () => {
  it(
    "keep the cap, release each resource once, and end every wait",
    () =>
      expect(
        fc.assert(
          fc.asyncProperty(fc.integer({ min: 1, max: 4 }), history, (maxTenants, steps) =>
            runQuietly(run(maxTenants, steps))
          ),
          // A run that hangs is reported with its steps.
          { numRuns: 20, timeout: 10_000 }
        )
      ).resolves.toBeUndefined(),
    120_000
  )
})

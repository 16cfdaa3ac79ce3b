/**
 * Whatever users, rotations, removals, failures and time do: never more than the
 * cap alive, each released exactly once, nobody waits for ever, and nobody who
 * asked after a rotation was told gets the old credentials.
 */
import { describe, expect, it } from "@effect/vitest"
import {
  Context,
  Effect,
  Exit,
  FastCheck as fc,
  Fiber,
  Layer,
  Logger,
  LogLevel,
  Redacted,
  Scope,
  TestClock,
  TestContext
} from "effect"
import { TenantId } from "../../src/Tenant.js"
import { TenantConnections } from "../../src/TenantConnections.js"
import * as TenantLayers from "../../src/TenantLayers.js"
import { World } from "../connections/support/world.js"

const ids = ["acme", "globex", "initech", "umbrella"].map(TenantId.make)

interface Db {
  readonly rotation: number
  releases: number
}
class DbTag extends Context.Tag("test/Db")<DbTag, Db>() {}

class Ledger {
  readonly acquired: Array<Db> = []
  alive = 0
  mostAlive = 0
  failing = false
}
class LedgerTag extends Context.Tag("test/Ledger")<LedgerTag, Ledger>() {}

class TenantDb extends TenantLayers.Service<TenantDb>()("test/TenantDb", {
  lookup: (connections) =>
    Layer.scoped(
      DbTag,
      Effect.gen(function* () {
        const ledger = yield* LedgerTag
        const { password } = yield* connections.postgresql()
        const db = yield* Effect.acquireRelease(
          Effect.sync(() => {
            const rotation = Number(password && Redacted.value(password).split("#")[1])
            const db: Db = { rotation, releases: 0 }
            ledger.acquired.push(db)
            ledger.alive++
            ledger.mostAlive = Math.max(ledger.mostAlive, ledger.alive)
            return db
          }),
          (db) =>
            Effect.zipRight(
              Effect.sleep("20 millis"),
              Effect.sync(() => {
                db.releases++
                ledger.alive--
              })
            )
        )
        yield* Effect.sleep("10 millis")
        if (ledger.failing) return yield* Effect.fail("refused")
        return db
      })
    )
}) {}

type Step =
  | { readonly _tag: "Use"; readonly id: TenantId; readonly millis: number }
  | { readonly _tag: "Rotate" | "Leave" | "Join" | "Invalidate"; readonly id: TenantId }
  | { readonly _tag: "GiveUp"; readonly nth: number }
  | { readonly _tag: "Wait"; readonly millis: number }
  | { readonly _tag: "Refuse" | "Mend" }

const id = fc.constantFrom(...ids)
const steps: fc.Arbitrary<ReadonlyArray<Step>> = fc.array(
  fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({
        _tag: fc.constant("Use" as const),
        id,
        millis: fc.constantFrom(0, 5, 100, 3000, 20_000, 100_000)
      })
    },
    {
      weight: 5,
      arbitrary: fc.record({
        _tag: fc.constantFrom(
          "Rotate" as const,
          "Leave" as const,
          "Join" as const,
          "Invalidate" as const
        ),
        id
      })
    },
    {
      weight: 2,
      arbitrary: fc.record({ _tag: fc.constant("GiveUp" as const), nth: fc.nat(10) })
    },
    {
      weight: 4,
      arbitrary: fc.record({
        _tag: fc.constant("Wait" as const),
        millis: fc.constantFrom(0, 1, 10, 30, 500, 5000, 30_000, 61_000)
      })
    },
    {
      weight: 1,
      arbitrary: fc.record({ _tag: fc.constantFrom("Refuse" as const, "Mend" as const) })
    }
  ),
  { minLength: 1, maxLength: 40 }
)

const run = (maxTenants: number, steps: ReadonlyArray<Step>) =>
  Effect.gen(function* () {
    const world = new World(ids)
    const ledger = new Ledger()
    const told = new Map<TenantId, number>()
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

    const take = (step: Step) =>
      Effect.gen(function* () {
        switch (step._tag) {
          case "Use": {
            const from = told.get(step.id) ?? 0
            const work = Effect.gen(function* () {
              const db = yield* DbTag
              expect(db.releases).toBe(0)
              expect(db.rotation).toBeGreaterThanOrEqual(from)
              yield* Effect.sleep(step.millis)
            })
            return void users.push(yield* Effect.fork(Effect.exit(TenantDb.provide(step.id)(work))))
          }
          case "Rotate":
            if (!world.ids.has(step.id)) return
            yield* world.rotate(step.id)
            return void told.set(step.id, world.rotations.get(step.id) ?? 0)
          case "Leave":
            if (world.ids.has(step.id)) yield* world.remove(step.id)
            return
          case "Join":
            if (!world.ids.has(step.id)) yield* world.add(step.id)
            return
          case "Invalidate":
            return yield* TenantDb.invalidate(step.id)
          case "GiveUp": {
            const user = users[step.nth]
            if (user !== undefined) yield* Fiber.interruptFork(user)
            return
          }
          case "Wait":
            return yield* TestClock.adjust(step.millis)
          case "Refuse":
            ledger.failing = true
            return
          case "Mend":
            ledger.failing = false
        }
      })

    yield* Effect.provide(Effect.forEach(steps, take, { discard: true }), context)
    expect(ledger.mostAlive).toBeLessThanOrEqual(maxTenants)

    // Everybody comes to an end: what is waited for is bounded by the timeouts.
    for (let i = 0; i < 8; i++) yield* TestClock.adjust("50 seconds")
    for (const user of users) {
      const ended = yield* Fiber.await(user)
      const exit = Exit.flatten(ended)
      if (Exit.isFailure(exit)) expect(String(exit.cause)).not.toContain("AssertionError")
    }
    // And then to rest: nothing is alive that nobody has used for so long.
    for (let i = 0; i < 3; i++) yield* TestClock.adjust("1 minute")
    expect(ledger.alive).toBe(0)

    // No place was lost on the way: as many as the cap have one at once, and at once.
    ledger.failing = false
    const last = ids.slice(0, maxTenants)
    yield* Effect.provide(
      Effect.forEach(ids, (id) => (world.ids.has(id) ? Effect.void : world.add(id))),
      context
    )
    const holders = yield* Effect.forEach(last, (id) =>
      Effect.fork(Effect.provide(TenantDb.provide(id)(Effect.sleep("5 seconds")), context))
    )
    yield* TestClock.adjust("1 second")
    expect(ledger.alive).toBe(last.length)
    yield* TestClock.adjust("10 seconds")
    yield* Effect.forEach(holders, Fiber.join)

    const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
    yield* TestClock.adjust("1 minute")
    yield* Fiber.join(closing)
    expect(ledger.acquired.map(({ releases }) => releases)).toEqual(ledger.acquired.map(() => 1))
  }).pipe(Logger.withMinimumLogLevel(LogLevel.None), Effect.provide(TestContext.TestContext))

describe("tenant layers", () => {
  it(
    "keep the cap, release once, and leave nobody waiting",
    () =>
      expect(
        fc.assert(
          fc.asyncProperty(fc.integer({ min: 1, max: 4 }), steps, (maxTenants, steps) =>
            Effect.runPromise(run(maxTenants, steps))
          ),
          // A run that hangs is told with its steps.
          { numRuns: 20, timeout: 10_000 }
        )
      ).resolves.toBeUndefined(),
    120_000
  )
})

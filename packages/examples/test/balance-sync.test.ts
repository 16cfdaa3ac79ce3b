/** The example on a real database, the check of its result, and transactions across tenants. */
import { SqlClient } from "@effect/sql"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Layer, Logger, LogLevel, Schema } from "effect"
import { TenantConnections, TenantId, TenantSettings } from "tenant-discovery"
import { TestTenantDiscovery, TestTenantManager } from "tenant-discovery/testing"
import {
  ACCOUNTS,
  makeDatabases,
  OPENING_BALANCE,
  settingsFor
} from "../src/balance-sync/databases.js"
import { balanceSync } from "../src/balance-sync/program.js"
import { server } from "../src/balance-sync/server.js"
import { type Account, judge } from "../src/balance-sync/summary.js"
import { TenantPg } from "../src/balance-sync/TenantPg.js"

describe("balance-sync", () => {
  it.live(
    "loses no batch, applies none twice, and uses no credentials past their grace",
    () =>
      Effect.gen(function* () {
        const verdicts = yield* Logger.withMinimumLogLevel(balanceSync(1), LogLevel.Error)
        expect(verdicts.map(({ problems, tenant }) => [tenant, problems])).toEqual(
          ["acme", "globex", "initech", "umbrella", "stark"].map((tenant) => [tenant, []])
        )
        // Rotations met work in progress.
        for (const { roles } of verdicts) expect(roles).toBeGreaterThan(1)
      }),
    90_000
  )

  const sound: Account = {
    tenant: "acme",
    enqueued: [{ id: 0, from: 0, to: 1, amount: 5 }],
    applied: [{ id: 0, role: "first", replica: "single", fence: null, at: 1000 }],
    balances: Array.from({ length: ACCOUNTS }, (_, index) =>
      index === 0 ? OPENING_BALANCE - 5 : index === 1 ? OPENING_BALANCE + 5 : OPENING_BALANCE
    ),
    replacedAt: new Map([["first", 500]])
  }

  it("its result is checked", () => {
    const problems = (account: Partial<Account>, grace = 500) =>
      judge({ ...sound, ...account }, grace).problems
    expect(problems({})).toEqual([])
    expect(problems({}, 499)).toEqual(["1 with old credentials after the grace"])
    expect(problems({ applied: [] })).toEqual(["1 batches lost"])
    expect(problems({ applied: [...sound.applied, ...sound.applied] })).toEqual(["1 applied twice"])
    expect(problems({ balances: [] })).toEqual(["the balances are wrong"])
    const fenced = (...fences: ReadonlyArray<string>) =>
      fences.map((fence, id) => ({ id, role: "first", replica: "single", at: id, fence }))
    expect(problems({ applied: fenced("9", "10", "10") })).toEqual([])
    expect(problems({ applied: fenced("10", "9") })).toEqual([
      "1 with a fence lower than one before"
    ])
  })
})

describe("a transaction of one tenant", () => {
  const acme = TenantId.make("acme")
  const globex = TenantId.make("globex")
  const layer = TenantPg.layer().pipe(
    Layer.provideMerge(TenantConnections.layer()),
    Layer.provideMerge(TestTenantDiscovery.layer(["acme", "globex"])),
    Layer.provideMerge(TestTenantManager.layer())
  )

  const enqueue = (id: number) =>
    Effect.flatMap(SqlClient.SqlClient, (sql) => sql`INSERT INTO pending VALUES (${id}, 0, 1, 5)`)
  const inTransaction = <A, E, R>(work: Effect.Effect<A, E, R>) =>
    Effect.flatMap(SqlClient.SqlClient, (sql) => sql.withTransaction(work))

  it.scopedLive(
    "does not reach work for another tenant, nested both ways",
    () =>
      Effect.gen(function* () {
        const postgres = yield* server
        const makeDatabase = yield* makeDatabases(postgres)
        const databases = new Map<
          TenantId,
          Effect.Effect.Success<ReturnType<typeof makeDatabase>>
        >()
        const manager = yield* TestTenantManager
        for (const id of [acme, globex]) {
          const database = yield* makeDatabase(id)
          databases.set(id, database)
          const settings = settingsFor(postgres, database, yield* database.issue)
          yield* manager.setConnections(
            id,
            Effect.orDie(Schema.decodeUnknown(TenantSettings)({ id, ...settings }))
          )
        }
        const pending = (id: TenantId) =>
          databases.get(id)?.pending ?? Effect.die(new Error(`no database of ${id}`))

        for (const [outer, inner] of [
          [acme, globex],
          [globex, acme]
        ] as const) {
          const before = [yield* pending(outer), yield* pending(inner)]
          const first = outer === acme ? 10 : 20
          const rolledBack = yield* Effect.exit(
            TenantPg.provide(outer)(
              inTransaction(
                Effect.gen(function* () {
                  yield* enqueue(first)
                  yield* TenantPg.provide(inner)(enqueue(first + 1))
                  // Work with the same resource stays in the transaction.
                  yield* TenantPg.provide(outer)(enqueue(first + 2))
                  const refused = yield* Effect.exit(
                    Effect.provide(enqueue(first + 3), TenantPg.get(inner))
                  )
                  expect(String(refused)).toContain("TenantNotIsolated")
                  return yield* Effect.fail("roll back")
                })
              )
            )
          )
          expect(Exit.isFailure(rolledBack)).toBe(true)
          expect([yield* pending(outer), yield* pending(inner)]).toEqual([
            before[0],
            (before[1] ?? 0) + 1
          ])
        }
      }).pipe(Effect.provide(layer)),
    90_000
  )
})

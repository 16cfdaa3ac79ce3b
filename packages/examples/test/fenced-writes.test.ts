/** Three replicas of balance-sync, and the fence at the account. */
import { SqlClient } from "@effect/sql"
import { PgClient } from "@effect/sql-pg"
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Logger, LogLevel, Redacted } from "effect"
import { TenantId, TenantLease } from "tenant-discovery"
import { makeDatabases } from "../src/balance-sync/databases.js"
import { balanceSync } from "../src/balance-sync/program.js"
import { server } from "../src/balance-sync/server.js"
import { applyNextBatch } from "../src/balance-sync/worker.js"

describe("balance-sync with three replicas", () => {
  it.live(
    "ends with right sums after one is killed; another works for its tenants",
    () =>
      Effect.gen(function* () {
        const verdicts = yield* Logger.withMinimumLogLevel(balanceSync(3), LogLevel.Error)
        expect(verdicts.map(({ problems, tenant }) => [tenant, problems])).toEqual(
          ["acme", "globex", "initech", "umbrella", "stark"].map((tenant) => [tenant, []])
        )
        const killed = verdicts.find(({ tenant }) => tenant === "initech")
        expect(killed?.replicas).toBeGreaterThan(1)
      }),
    120_000
  )
})

describe("a fenced write", () => {
  const tenantId = TenantId.make("acme")
  const lease = (fence: bigint | undefined) =>
    Layer.succeed(TenantLease, {
      tenantId,
      fence,
      isValid: Effect.succeed(true),
      lost: Effect.never
    })

  it.scopedLive(
    "is refused once a higher fence has written; without a cluster nothing is compared",
    () =>
      Effect.gen(function* () {
        const postgres = yield* server
        const database = yield* Effect.flatMap(makeDatabases(postgres), (make) => make(tenantId))
        const batch = { from: 0, to: 1, amount: 5 }
        yield* database.enqueue([0, 1, 2].map((id) => ({ ...batch, id })))
        const { password, username } = yield* database.issue
        const context = yield* Layer.build(
          PgClient.layer({
            host: postgres.host,
            port: postgres.port,
            database: database.name,
            username,
            password: Redacted.make(password)
          })
        )
        const applyWith = (fence: bigint | undefined) =>
          Effect.exit(
            applyNextBatch("test").pipe(Effect.provide(lease(fence)), Effect.provide(context))
          )
        const fences = Effect.map(database.applied, (all) => all.map(({ fence }) => fence))

        expect(yield* applyWith(7n)).toEqual(Exit.void)
        const refused = yield* applyWith(6n)
        expect(String(refused)).toContain("StaleFence")
        // Nothing of the refused batch is left.
        expect((yield* database.balances).slice(0, 2)).toEqual([995, 1005])
        expect(yield* database.pending).toBe(2)

        expect(yield* applyWith(7n)).toEqual(Exit.void)
        expect(yield* applyWith(undefined)).toEqual(Exit.void)
        expect(yield* fences).toEqual(["7", "7", null])
        expect((yield* database.balances).slice(0, 2)).toEqual([985, 1015])
        // The write without a fence kept the stored one.
        const sql = Context.get(context, SqlClient.SqlClient)
        expect(yield* sql`SELECT fence FROM accounts WHERE id < 2`).toEqual([
          { fence: "7" },
          { fence: "7" }
        ])
      }),
    60_000
  )
})

/** The worker: applies the next batch of balances of every active tenant, repeatedly. */
import { SqlClient } from "@effect/sql"
import { Effect, Schedule } from "effect"
import { TenantWorker } from "tenant-discovery"
import { TenantPg } from "./TenantPg.js"

/** Moves one batch and records it in one transaction, so that an interruption leaves no half of it. */
const applyNextBatch = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.withTransaction(
    Effect.gen(function* () {
      const [batch] = yield* sql<{ id: number; source: number; target: number; amount: number }>`
        DELETE FROM pending
        WHERE id = (SELECT id FROM pending ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING id, source, target, amount`
      if (batch === undefined) return
      const { amount, id, source, target } = batch
      yield* sql`UPDATE accounts SET balance = balance - ${amount} WHERE id = ${source}`
      // Long enough that rotations and removals meet work in progress.
      yield* sql`SELECT pg_sleep(0.03)`
      yield* sql`UPDATE accounts SET balance = balance + ${amount} WHERE id = ${target}`
      yield* sql`INSERT INTO applied VALUES (${id}, session_user, clock_timestamp())`
    })
  )
})

export const worker = TenantWorker.scheduled({
  name: "balance-sync",
  schedule: Schedule.spaced("20 millis"),
  concurrency: 8,
  run: Effect.provide(applyNextBatch, TenantPg.current)
})

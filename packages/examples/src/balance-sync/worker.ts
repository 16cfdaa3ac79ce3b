/**
 * The worker: for every active tenant, again and again, the next batch of balances.
 */
import { SqlClient } from "@effect/sql"
import { Effect, Schedule } from "effect"
import { TenantWorker } from "tenant-discovery"
import { TenantPg } from "./TenantPg.js"

/**
 * Moves one batch in one transaction, together with the note that it was: whoever
 * stops it half-way, it has happened wholly or not at all.
 */
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
      // Long enough that rotations and removals find work under way.
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

/** The worker: applies the next batch of balances of every active tenant, repeatedly. */
import { SqlClient } from "@effect/sql"
import { Data, Effect, Schedule } from "effect"
import { TenantLease, TenantWorker } from "tenant-discovery"
import { TenantPg } from "./TenantPg.js"

/** A later owner of the tenant has written the account: this run must not. */
export class StaleFence extends Data.TaggedError("StaleFence")<{
  readonly message: string
  readonly account: number
}> {}

/** Adds to the balance of an account, unless a later owner of the tenant has written it. */
const add = Effect.fnUntraced(function* (amount: number, account: number) {
  const sql = yield* SqlClient.SqlClient
  const { fence } = yield* TenantLease
  // Only a cluster gives fences; without one there is nothing to compare.
  const written =
    fence === undefined
      ? yield* sql`
          UPDATE accounts SET balance = balance + ${amount} WHERE id = ${account} RETURNING id`
      : yield* sql`
          UPDATE accounts SET balance = balance + ${amount}, fence = ${fence}
          WHERE id = ${account} AND fence <= ${fence} RETURNING id`
  if (written.length > 0) return
  const message = `account ${account} has a fence higher than ${fence}: the tenant has another owner`
  return yield* new StaleFence({ message, account })
})

/** Moves one batch and records it in one transaction, so that an interruption leaves no half of it. */
export const applyNextBatch = (replica: string) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const { fence = null } = yield* TenantLease
    yield* sql.withTransaction(
      Effect.gen(function* () {
        const [batch] = yield* sql<{ id: number; source: number; target: number; amount: number }>`
          DELETE FROM pending
          WHERE id = (SELECT id FROM pending ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
          RETURNING id, source, target, amount`
        if (batch === undefined) return
        const { amount, id, source, target } = batch
        yield* add(-amount, source)
        // Long enough that rotations and removals meet work in progress.
        yield* sql`SELECT pg_sleep(0.03)`
        yield* add(amount, target)
        yield* sql`
          INSERT INTO applied VALUES (${id}, session_user, ${replica}, ${fence}, clock_timestamp())`
      })
    )
  })

export const worker = (replica: string) =>
  TenantWorker.scheduled({
    name: "balance-sync",
    schedule: Schedule.spaced("20 millis"),
    concurrency: 8,
    run: Effect.provide(applyNextBatch(replica), TenantPg.current)
  })

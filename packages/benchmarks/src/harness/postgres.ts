/** A PostgreSQL server with a database for a measurement, and what that database did. */
import { SqlClient } from "@effect/sql"
import { PgClient } from "@effect/sql-pg"
import { Context, Effect, Layer, Redacted } from "effect"
import { answerOf, scoped } from "./childProcess.js"

const DATABASE = "scale_out"

export interface Load {
  /** Transactions since the server started. */
  readonly transactions: number
  /** Bytes of the write-ahead log since the server started. */
  readonly wal: number
}

export const makePostgres = Effect.gen(function* () {
  // The starter of the examples, from its source.
  const child = yield* scoped("../../../examples/src/balance-sync/serverProcess.ts", [
    "--import",
    "tsx",
    "--conditions=tenant-discovery-source"
  ])
  const admin = new URL(yield* Effect.promise(() => answerOf<string>(child)))
  const context = yield* Layer.build(
    PgClient.layer({ url: Redacted.make(admin.href), maxConnections: 1 })
  )
  const sql = Context.get(context, SqlClient.SqlClient)
  yield* sql`CREATE DATABASE ${sql(DATABASE)}`
  const measured = new URL(admin)
  measured.pathname = DATABASE
  return {
    /** A database that this process does not use. */
    url: measured.href,
    load: Effect.map(
      sql<Load>`
        SELECT (xact_commit + xact_rollback)::float8 AS transactions,
          pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS wal
        FROM pg_stat_database WHERE datname = ${DATABASE}`,
      ([load]) => load ?? { transactions: 0, wal: 0 }
    )
  }
})

export type Postgres = Effect.Effect.Success<typeof makePostgres>

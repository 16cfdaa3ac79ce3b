/**
 * The record of all runs, a table in the database. A replica writes a row when the work for a
 * tenant begins, and completes the row when the work ends.
 */
import { SqlClient } from "@effect/sql"
import { Effect } from "effect"
import { TenantLease } from "tenant-discovery"

/** Milliseconds since the epoch, by the clock of the database. */
type Time = number

export const createRuns = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) => sql`
    CREATE TABLE runs (
      id BIGSERIAL PRIMARY KEY,
      tenant TEXT NOT NULL,
      replica TEXT NOT NULL,
      fence BIGINT NOT NULL,
      began TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
      ended TIMESTAMPTZ
    )`
)

/** Records the run that calls it, until the scope of the run closes. */
export const recordRun = Effect.fnUntraced(function* (replica: string) {
  const sql = yield* SqlClient.SqlClient
  const { fence, tenantId } = yield* TenantLease
  yield* Effect.acquireRelease(
    sql<{ id: string }>`
      INSERT INTO runs (tenant, replica, fence)
      VALUES (${tenantId}, ${replica}, ${String(fence)}::bigint) RETURNING id`,
    ([run]) =>
      Effect.orDie(
        sql`UPDATE runs SET ended = clock_timestamp() WHERE id = ${run?.id ?? "0"}::bigint`
      )
  )
})

/** The tenants that have work now, each with its replica. */
export const workingNow = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) => sql<{ tenant: string; replica: string }>`
    SELECT tenant, replica FROM runs WHERE ended IS NULL ORDER BY tenant, id`
)

export const databaseTime: Effect.Effect<Time, unknown, SqlClient.SqlClient> = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) =>
    Effect.map(
      sql<{ at: Time }>`SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS at`,
      ([row]) => row?.at ?? 0
    )
)

/** Ends the runs of a replica that was killed at `at`: it could not record their ends. */
export const endRunsOf = (replica: string, at: Time) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) => sql`
      UPDATE runs SET ended = to_timestamp(${at}::float8 / 1000)
      WHERE replica = ${replica} AND ended IS NULL`
  )

/** Milliseconds from `at` to the last begin of a run since then. */
export const lastBeginAfter = (at: Time) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.map(
      sql<{ after: number | null }>`
        SELECT max(extract(epoch FROM began)::float8 * 1000) - ${at}::float8 AS after FROM runs`,
      ([row]) => Math.max(0, row?.after ?? 0)
    )
  )

/** The begins of a run before the end of an earlier one, or with a lower fence. */
export const violations = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.map(
    sql<{ tenant: string; first: string; second: string }>`
      SELECT a.tenant, a.replica AS first, b.replica AS second
      FROM runs a JOIN runs b ON a.tenant = b.tenant AND a.id < b.id
      WHERE a.ended IS NULL OR a.ended > b.began OR a.fence > b.fence`,
    (rows) =>
      rows.map(
        ({ first, second, tenant }) => `${second} began ${tenant} after ${first}, out of order`
      )
  )
)

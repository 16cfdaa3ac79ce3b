/**
 * The referee: a table in which every begin and end of a run is recorded with its fence, and the
 * faults that the test injects. The order of the rows decides.
 */
import { SqlClient } from "@effect/sql"
import { Effect } from "effect"
import type { Lease } from "tenant-discovery"

type Kind = "begin" | "end" | "dead"

interface Row {
  readonly n: string
  readonly kind: Kind
  readonly replica: string
  readonly tenant: string | null
  readonly fence: string | null
  /** Milliseconds since the epoch, by the database's clock. */
  readonly at: number
}

export const createReferee = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) => sql`
    CREATE TABLE referee (
      n BIGSERIAL PRIMARY KEY,
      kind TEXT NOT NULL,
      replica TEXT NOT NULL,
      tenant TEXT,
      fence BIGINT,
      at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
    )`
)

export const makeReferee = Effect.map(SqlClient.SqlClient, (sql) => {
  const record = (kind: Kind, replica: string, lease: Lease | undefined) => sql`
    INSERT INTO referee (kind, replica, tenant, fence)
    VALUES (${kind}, ${replica}, ${lease?.tenantId ?? null}, ${String(lease?.fence)}::bigint)`
  return {
    /** Records nothing and is interrupted where the lease is not valid any more. */
    begin: (replica: string, lease: Lease) =>
      Effect.flatMap(lease.isValid, (isValid) =>
        isValid ? Effect.orDie(record("begin", replica, lease)) : Effect.interrupt
      ),
    end: (replica: string, lease: Lease) => Effect.orDie(record("end", replica, lease)),
    /** The replica was killed or frozen: its runs count as ended. */
    dead: (replica: string) => sql`INSERT INTO referee (kind, replica) VALUES ('dead', ${replica})`,
    /** The database's clock, in milliseconds since the epoch. */
    now: Effect.map(
      sql<{ at: number }>`SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS at`,
      ([row]) => row?.at ?? 0
    ),
    /** For each tenant that began after `at`: when it did first, in milliseconds after `at`. */
    firstBegins: (
      at: number,
      replicas: { readonly only?: string; readonly except?: string } = {}
    ) =>
      Effect.map(
        sql<{ after: number }>`
          SELECT min(extract(epoch FROM at)::float8 * 1000) - ${at} AS after FROM referee
          WHERE kind = 'begin' AND extract(epoch FROM at)::float8 * 1000 > ${at}
          AND replica <> ${replicas.except ?? ""}
          AND ${replicas.only ?? ""} IN ('', replica) GROUP BY tenant`,
        (rows) => rows.map(({ after }) => after)
      ),
    rows: sql<Row>`SELECT n, kind, replica, tenant, fence,
      extract(epoch FROM at)::float8 * 1000 AS at FROM referee ORDER BY n`
  }
})

export type Referee = Effect.Effect.Success<typeof makeReferee>

/** What breaks the promise: two runs of a tenant at once, or a fence that is lower than one before. */
export const violations = (rows: ReadonlyArray<Row>): ReadonlyArray<string> => {
  const running = new Map<string, { readonly replica: string; readonly fence: bigint }>()
  const highest = new Map<string, bigint>()
  const found: Array<string> = []
  for (const { fence, kind, n, replica, tenant } of rows) {
    if (kind === "dead") {
      for (const [id, run] of running) if (run.replica === replica) running.delete(id)
      continue
    }
    if (tenant === null || fence === null) continue
    const run = running.get(tenant)
    if (kind === "end") {
      if (run?.replica === replica && run.fence === BigInt(fence)) running.delete(tenant)
      continue
    }
    if (run !== undefined) {
      found.push(`${n}: ${replica} begins ${tenant} while ${run.replica} has not ended`)
    }
    const last = highest.get(tenant) ?? 0n
    if (BigInt(fence) < last) {
      found.push(`${n}: ${replica} begins ${tenant} with fence ${fence} after ${last}`)
    }
    if (BigInt(fence) > last) highest.set(tenant, BigInt(fence))
    running.set(tenant, { replica, fence: BigInt(fence) })
  }
  return found
}

/**
 * The referee: a table in which every begin and end of a run is recorded with its fence, and the
 * faults that the test injects. The order of the rows decides.
 */
import { SqlClient } from "@effect/sql"
import { Clock, Effect } from "effect"
import type { Lease } from "tenant-discovery"

/** While a replica is `dead` (killed or frozen), its runs count as ended. */
type Kind = "begin" | "end" | "dead" | "alive"

interface Row {
  readonly n: string
  readonly kind: Kind
  readonly replica: string
  readonly tenant: string | null
  readonly fence: string | null
  /** When the process found its lease valid, by the clock of the machine. */
  readonly decided: number | null
  /** Milliseconds since the epoch, by the database's clock. */
  readonly at: number
}

/** Which runs count. */
interface Which {
  readonly by?: string
  readonly exceptBy?: string
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
      decided FLOAT8,
      at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
    )`
)

export const makeReferee = Effect.map(SqlClient.SqlClient, (sql) => {
  const record = (kind: Kind, replica: string, lease: Lease) =>
    Effect.flatMap(
      Clock.currentTimeMillis,
      (decided) => sql`
        INSERT INTO referee (kind, replica, tenant, fence, decided)
        VALUES (${kind}, ${replica}, ${lease.tenantId}, ${String(lease.fence)}::bigint, ${decided})`
    )
  return {
    /** Records nothing and is interrupted where the lease is not valid any more. */
    begin: (replica: string, lease: Lease) =>
      Effect.flatMap(lease.isValid, (isValid) =>
        isValid ? Effect.orDie(record("begin", replica, lease)) : Effect.interrupt
      ),
    end: (replica: string, lease: Lease) => Effect.orDie(record("end", replica, lease)),
    mark: (kind: "dead" | "alive", replica: string) =>
      sql`INSERT INTO referee (kind, replica) VALUES (${kind}, ${replica})`,
    /** The database's clock, in milliseconds since the epoch. */
    now: Effect.map(
      sql<{ at: number }>`SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS at`,
      ([row]) => row?.at ?? 0
    ),
    /** The tenants that began after `at`, and when each did first, in milliseconds after `at`. */
    firstBegins: (at: number, which: Which = {}) =>
      Effect.map(
        sql<{ tenant: string; after: number }>`
          SELECT tenant, min(extract(epoch FROM at)::float8 * 1000) - ${at} AS after FROM referee
          WHERE kind = 'begin' AND extract(epoch FROM at)::float8 * 1000 > ${at}
          AND ${which.by ?? ""} IN ('', replica) AND replica <> ${which.exceptBy ?? ""}
          GROUP BY tenant`,
        (rows) => new Map(rows.map(({ after, tenant }) => [tenant, after]))
      ),
    /** The replica of the tenant's last run. */
    ownerOf: (tenant: string) =>
      Effect.map(
        sql<{ replica: string }>`SELECT replica FROM referee
          WHERE kind = 'begin' AND tenant = ${tenant} ORDER BY n DESC LIMIT 1`,
        ([row]) => row?.replica
      ),
    rows: sql<Row>`SELECT n, kind, replica, tenant, fence, decided,
      extract(epoch FROM at)::float8 * 1000 AS at FROM referee ORDER BY n`
  }
})

export type Referee = Effect.Effect.Success<typeof makeReferee>

/**
 * What breaks the promise: two runs of a tenant at once, or a fence that is lower than one before.
 * A statement that a process decided on before it was frozen, and that arrives when it thaws, is no
 * begin: only a fence at the resource stops such a write.
 */
export const violations = (rows: ReadonlyArray<Row>): ReadonlyArray<string> => {
  const running = new Map<string, { readonly replica: string; readonly fence: bigint }>()
  const highest = new Map<string, bigint>()
  const dead = new Set<string>()
  const diedAt = new Map<string, number>()
  const found: Array<string> = []
  for (const { at, decided, fence, kind, n, replica, tenant } of rows) {
    if (kind === "alive") dead.delete(replica)
    if (kind === "dead") {
      dead.add(replica)
      diedAt.set(replica, at)
      for (const [id, run] of running) if (run.replica === replica) running.delete(id)
      continue
    }
    if (tenant === null || fence === null) continue
    const run = running.get(tenant)
    if (kind === "end") {
      if (run?.replica === replica && run.fence === BigInt(fence)) running.delete(tenant)
      continue
    }
    if (decided !== null && decided < (diedAt.get(replica) ?? 0)) continue
    if (run !== undefined) {
      found.push(`${n}: ${replica} begins ${tenant} while ${run.replica} has not ended`)
    }
    const last = highest.get(tenant) ?? 0n
    if (BigInt(fence) < last) {
      found.push(`${n}: ${replica} begins ${tenant} with fence ${fence} after ${last}`)
    }
    if (BigInt(fence) > last) highest.set(tenant, BigInt(fence))
    if (!dead.has(replica)) running.set(tenant, { replica, fence: BigInt(fence) })
  }
  return found
}

/** How often the tenants changed their replica after `at`, on average. */
export const movesPerTenant = (rows: ReadonlyArray<Row>, at: number): number => {
  const owner = new Map<string, string>()
  let moves = 0
  for (const row of rows) {
    if (row.kind !== "begin" || row.tenant === null) continue
    if (row.at > at && owner.get(row.tenant) !== row.replica) moves++
    owner.set(row.tenant, row.replica)
  }
  return moves / owner.size
}

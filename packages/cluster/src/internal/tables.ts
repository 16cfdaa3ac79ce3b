/** The tables of a cluster: their SQL, and what must hold before the engine starts. */
import { SqlClient } from "@effect/sql"
import { Effect } from "effect"
import { ClusterPrefixTaken, ClusterSettingMismatch } from "../ClusterAssignmentError.js"

export const names = (prefix: string) => ({
  runners: `${prefix}_runners`,
  locks: `${prefix}_locks`,
  fences: `${prefix}_fences`,
  replicas: `${prefix}_replicas`,
  cluster: `${prefix}_cluster`,
  /** A table of an older engine. The engine drops it, and `runners` with it. */
  shards: `${prefix}_shards`
})

/**
 * The statements that create the tables. The first two tables are the engine's. Their times are
 * `TIMESTAMPTZ`: the engine's own `TIMESTAMP` follows the time zone of each session.
 */
export const tablesSql = (prefix: string): string => {
  const table = names(prefix)
  return `CREATE TABLE ${table.runners} (
  machine_id SERIAL PRIMARY KEY,
  address VARCHAR(255) NOT NULL UNIQUE,
  runner TEXT NOT NULL,
  healthy BOOLEAN NOT NULL DEFAULT TRUE,
  last_heartbeat TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Each row is updated once a second: the free space lets PostgreSQL do that within the page.
CREATE TABLE ${table.locks} (
  shard_id VARCHAR(50) PRIMARY KEY,
  address VARCHAR(255) NOT NULL,
  acquired_at TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 50);

-- The last fence of each shard. Do not delete rows: a fence must never repeat.
CREATE TABLE ${table.fences} (
  shard_id VARCHAR(50) PRIMARY KEY,
  fence BIGINT NOT NULL
);

CREATE TABLE ${table.replicas} (
  address VARCHAR(255) PRIMARY KEY,
  version TEXT,
  since TIMESTAMPTZ NOT NULL
);

-- What all replicas must agree about. The first replica writes the row.
CREATE TABLE ${table.cluster} (
  single BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (single),
  shards INTEGER NOT NULL,
  expiration_seconds INTEGER NOT NULL
);
`
}

interface Agreed {
  readonly prefix: string
  readonly shards: number
  /** In milliseconds. */
  readonly expiration: number
}

/**
 * Creates the tables that do not exist, in one transaction that no other replica runs at the same
 * time. Fails where the prefix is another's, or where the cluster has other settings.
 */
export const prepareTables = ({ expiration, prefix, shards }: Agreed) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const table = names(prefix)
    const exists = (name: string) =>
      Effect.map(
        sql<{ exists: boolean }>`SELECT to_regclass(${name}) IS NOT NULL AS exists`,
        (rows) => rows[0]?.exists === true
      )
    yield* sql`SELECT pg_advisory_xact_lock(hashtext(${`tenant-discovery/cluster/${prefix}`}))`
    const isOurs = yield* exists(table.cluster)
    const others = isOurs ? [table.shards] : [table.shards, table.runners, table.locks]
    for (const name of others) {
      if (yield* exists(name)) {
        const message = `table ${name} exists and belongs to something else; choose another prefix`
        return yield* new ClusterPrefixTaken({ message, prefix, table: name })
      }
    }
    if (!isOurs) yield* sql.unsafe(tablesSql(prefix))
    const seconds = expiration / 1000
    yield* sql`INSERT INTO ${sql(table.cluster)} (shards, expiration_seconds)
      VALUES (${shards}, ${seconds}) ON CONFLICT DO NOTHING`
    const [stored] = yield* sql<{ shards: number; expiration: number }>`
      SELECT shards, expiration_seconds AS expiration FROM ${sql(table.cluster)}`
    for (const [setting, configured] of [
      ["shards", shards],
      ["expiration", seconds]
    ] as const) {
      if (stored === undefined || stored[setting] === configured) continue
      return yield* new ClusterSettingMismatch({
        message:
          `option "${setting}" is ${configured} and the replicas of ${prefix} use ` +
          `${stored[setting]}; two of them would work for one tenant`,
        setting,
        configured,
        stored: stored[setting]
      })
    }
  }).pipe((prepare) => Effect.flatMap(SqlClient.SqlClient, (sql) => sql.withTransaction(prepare)))

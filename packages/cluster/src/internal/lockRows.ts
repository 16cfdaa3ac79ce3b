/** The statements on the rows of this replica's locks. */
import { SqlClient } from "@effect/sql"
import { Effect } from "effect"
import { names } from "./tables.js"

/** The shards whose lock is still this replica's, each with its new fence where one was asked. */
export type Renewed = ReadonlyMap<string, bigint | undefined>

export interface LockRows {
  /**
   * Renews the locks and mints the fences, in one statement: it holds the rows of the locks until
   * it commits, so no other replica can take a lock and mint a fence between. A later owner's
   * fence is always higher.
   */
  readonly renew: (
    shards: ReadonlyArray<string>,
    withoutFence: ReadonlyArray<string>
  ) => Effect.Effect<Renewed, unknown>
  /** Deletes the locks that are still this replica's. */
  readonly release: (shards: ReadonlyArray<string>) => Effect.Effect<void, unknown>
}

/** @param address as the engine writes it into the table of locks. */
export const makeLockRows = (
  prefix: string,
  address: string
): Effect.Effect<LockRows, never, SqlClient.SqlClient> =>
  Effect.map(SqlClient.SqlClient, (client) => {
    const sql = client.withoutTransforms()
    const locks = sql(names(prefix).locks)
    const fences = sql(names(prefix).fences)
    const anyOf = (shards: ReadonlyArray<string>) =>
      sql`ANY (string_to_array(${shards.join(",")}, ','))`
    const renew: LockRows["renew"] = (shards, withoutFence) =>
      sql<{ shard: string; fence: string | null }>`
        WITH renewed AS (
          UPDATE ${locks} SET acquired_at = now()
          WHERE address = ${address} AND shard_id = ${anyOf(shards)}
          RETURNING shard_id
        ), minted AS (
          INSERT INTO ${fences} AS last (shard_id, fence)
          SELECT shard_id, 1 FROM renewed WHERE shard_id = ${anyOf(withoutFence)}
          ORDER BY shard_id
          ON CONFLICT (shard_id) DO UPDATE SET fence = last.fence + 1
          RETURNING shard_id, fence
        )
        SELECT renewed.shard_id AS shard, minted.fence::text AS fence
        FROM renewed LEFT JOIN minted USING (shard_id)`.pipe(
        Effect.map(
          (rows) =>
            new Map(
              rows.map(({ fence, shard }) => [shard, fence === null ? undefined : BigInt(fence)])
            )
        ),
        Effect.withTracerEnabled(false)
      )
    const release: LockRows["release"] = (shards) =>
      Effect.asVoid(
        sql`DELETE FROM ${locks} WHERE address = ${address} AND shard_id = ${anyOf(shards)}`
      ).pipe(Effect.withTracerEnabled(false))
    return { renew, release }
  })

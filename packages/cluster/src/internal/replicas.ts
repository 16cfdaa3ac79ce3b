/** What is known of the replicas: their version, since when they run, and what they own. */
import { SqlClient } from "@effect/sql"
import { type Duration, Effect } from "effect"
import type { TenantReplica } from "tenant-discovery"
import type { Settings } from "./options.js"
import { names } from "./tables.js"

export interface Replicas {
  /** Writes this replica's row, and removes the rows of those that are gone. */
  readonly announce: Effect.Effect<void>
  /** The replicas in the ring, as of the last second; the last answer where the database is slow. */
  readonly members: Effect.Effect<ReadonlyArray<TenantReplica>>
  /** The replica that holds the lock of the shard, as of the last second. */
  readonly ownerOf: (shard: string) => Effect.Effect<TenantReplica | undefined>
}

/** The engine's form of an address is `<host>:<port>`, and the port is always the same. */
export const PORT = 1

/** How old an answer of `members` and `ownerOf` may be, so that many readers cost one query. */
const KNOWN_FOR = "1 second"

/** How long `members` waits for the database: a probe reads it, and gives up after a second. */
const MEMBERS_WITHIN = "500 millis"

interface Row {
  readonly address: string
  readonly version: string | null
  readonly since: Date | null
}

const replica = ({ address, since, version }: Row): TenantReplica => ({
  address: address.replace(/:\d+$/, ""),
  version: version ?? undefined,
  since: since?.getTime()
})

export const makeReplicas = ({
  address,
  expiration,
  longestStatement,
  prefix,
  version
}: Settings & { readonly longestStatement: number }) =>
  Effect.gen(function* () {
    const sql = (yield* SqlClient.SqlClient).withoutTransforms()
    const table = names(prefix)
    const since = new Date(
      yield* Effect.map(Effect.clock, (clock) => clock.unsafeCurrentTimeMillis())
    )
    const self = `${address}:${PORT}`
    const alive = sql`now() - make_interval(secs => ${expiration / 1000})`

    const announce = sql`
      WITH gone AS (
        DELETE FROM ${sql(table.replicas)} WHERE address <> ${self}
        AND address NOT IN (SELECT address FROM ${sql(table.runners)})
      )
      INSERT INTO ${sql(table.replicas)} (address, version, since)
      VALUES (${self}, ${version ?? null}, ${since}) ON CONFLICT DO NOTHING`
    const members = sql<Row>`
      SELECT runner.address, replica.version, replica.since FROM ${sql(table.runners)} AS runner
      LEFT JOIN ${sql(table.replicas)} AS replica USING (address)
      WHERE runner.last_heartbeat > ${alive} ORDER BY runner.address`
    const owners = sql<Row & { readonly shard_id: string }>`
      SELECT lock.shard_id, lock.address, replica.version, replica.since
      FROM ${sql(table.locks)} AS lock
      LEFT JOIN ${sql(table.replicas)} AS replica USING (address)
      WHERE lock.acquired_at >= ${alive}`

    /** An answer that takes too long counts as none. */
    const rows = <A>(
      query: Effect.Effect<ReadonlyArray<A>, unknown>,
      within: Duration.DurationInput = longestStatement
    ) => Effect.timeout(Effect.disconnect(query), within)

    // One query for all shards: a report asks for the owner of every tenant.
    const ownerByShard = yield* rows(owners).pipe(
      Effect.map((found) => new Map(found.map((row) => [row.shard_id, replica(row)]))),
      Effect.orElseSucceed(() => new Map<string, TenantReplica>()),
      Effect.cachedWithTTL(KNOWN_FOR)
    )

    let lastMembers: ReadonlyArray<TenantReplica> = []
    const currentMembers = yield* rows(members, MEMBERS_WITHIN).pipe(
      Effect.map((found) => (lastMembers = found.map(replica))),
      Effect.orElse(() => Effect.sync(() => lastMembers)),
      Effect.cachedWithTTL(KNOWN_FOR)
    )

    return {
      announce: Effect.ignore(announce),
      members: currentMembers,
      ownerOf: (shard) => Effect.map(ownerByShard, (owner) => owner.get(shard))
    } satisfies Replicas
  })

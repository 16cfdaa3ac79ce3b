/** What a replica checks and creates before it joins, on a real PostgreSQL. */
import { PgClient } from "@effect/sql-pg"
import { expect, layer } from "@effect/vitest"
import { Context, Duration, Effect, Layer, Option, Redacted, Schedule, Stream } from "effect"
import { readFileSync } from "node:fs"
import { TenantAssignment, TenantId } from "tenant-discovery"
import { embedded, type Server } from "../../examples/src/balance-sync/server.js"
import { ClusterAssignment } from "../src/index.js"

class Postgres extends Context.Tag("test/Postgres")<Postgres, Server>() {}

const postgres = Layer.scoped(Postgres, embedded())
const database = Effect.map(Postgres, ({ database, host, password, port, username }) => ({
  host,
  port,
  username,
  password,
  database
}))
const sqlClient = Layer.unwrapEffect(
  Effect.map(database, (settings) => PgClient.layer({ ...settings, maxConnections: 2 }))
)

type Options = Omit<ClusterAssignment.ClusterAssignmentOptions, "database">

/** Joins until the scope closes. */
const join = (options: Options) =>
  Effect.flatMap(database, (settings) =>
    Effect.map(
      Layer.build(
        ClusterAssignment.layer({ shards: 30, settleDelay: 0, ...options, database: settings })
      ),
      (context) => Context.get(context, TenantAssignment)
    )
  )

const tenants = Array.from({ length: 20 }, (_, n) => TenantId.make(`tenant-${n}`))

type Assignment = Effect.Effect.Success<ReturnType<typeof join>>

/** Waits until the replica owns this many of the tenants. */
const owning = (assignment: Assignment, enough: (owned: number) => boolean) =>
  assignment.view.changes.pipe(
    Stream.filter((view) => enough(tenants.filter(view.owns).length)),
    Stream.runHead
  )

/** The first answer that fits. It asks again and again. */
const answer = <A>(ask: Effect.Effect<A>, fits: (answer: A) => boolean) =>
  Stream.repeatEffectWithSchedule(ask, Schedule.spaced("20 millis")).pipe(
    Stream.filter(fits),
    Stream.runHead,
    Effect.map(Option.getOrThrow)
  )

/** The members, when there are so many and each has told when it joined. */
const announced = (assignment: Assignment, count: number) =>
  answer(
    assignment.members,
    (members) => members.length === count && members.every(({ since }) => since !== undefined)
  )

layer(Layer.provideMerge(sqlClient, postgres), { excludeTestServices: true })(
  "a replica that joins",
  (it) => {
    it.scoped("owns every tenant while it is alone, with a fence that grows", () =>
      Effect.gen(function* () {
        const fence = Effect.scoped(
          Effect.gen(function* () {
            const assignment = yield* join({ prefix: "alone" })
            yield* owning(assignment, (owned) => owned === tenants.length)
            const lease = yield* assignment.hold(TenantId.make("tenant-3"))
            return lease.fence ?? 0n
          })
        )
        const first = yield* fence
        expect(first).toBeGreaterThan(0n)
        expect(yield* fence).toBeGreaterThan(first)
      })
    )

    it.scoped("shares the tenants; each knows the members and the owners", () =>
      Effect.gen(function* () {
        const one = yield* join({ prefix: "shared", name: "one", version: "1.0.0" })
        const two = yield* join({ prefix: "shared", name: "two" })
        const some = (owned: number) => owned > 0 && owned < tenants.length
        yield* owning(two, some)
        yield* owning(one, some)
        expect(one.description).toMatch(/^replica one-\S+ of the cluster shared$/)
        const members = yield* announced(one, 2)
        expect(members.map(({ version }) => version)).toEqual(["1.0.0", undefined])
        for (const { address, since } of members) {
          expect(address).toMatch(/^(?:one|two)-[0-9a-f-]{13}$/)
          expect(Math.abs(Date.now() - (since ?? 0))).toBeLessThan(60_000)
        }
        const view = yield* two.view.get
        const mine = tenants.find(view.owns)
        if (mine === undefined) return expect.unreachable()
        expect((yield* one.ownerOf(mine))?.address).toBe(members[1]?.address)
      })
    )

    it.scoped("tells the members that it knew last while the database does not answer", () =>
      Effect.gen(function* () {
        const assignment = yield* join({ prefix: "slow" })
        const known = yield* announced(assignment, 1)
        const sql = yield* PgClient.PgClient
        const [took, members] = yield* sql`LOCK TABLE slow_runners IN ACCESS EXCLUSIVE MODE`.pipe(
          // The first answers are kept ones; the next one asks the database.
          Effect.zipRight(
            answer(Effect.timed(assignment.members), ([took]) =>
              Duration.greaterThan(took, "100 millis")
            )
          ),
          sql.withTransaction
        )
        expect(members).toEqual(known)
        expect(Duration.toMillis(took)).toBeLessThan(1000)
      })
    )

    it.scoped("uses its own connections within a transaction of its caller", () =>
      Effect.gen(function* () {
        const assignment = yield* join({ prefix: "own" })
        const sql = yield* PgClient.PgClient
        yield* owning(assignment, (owned) => owned === tenants.length)
        yield* announced(assignment, 1)
        const failed = Effect.gen(function* () {
          // From here on each statement of this transaction is refused.
          yield* Effect.flip(sql`SELECT 1 / 0`)
          expect(yield* assignment.members).toHaveLength(1)
          expect(yield* assignment.ownerOf(TenantId.make("tenant-3"))).toBeDefined()
          yield* assignment.cordon
          return yield* Effect.fail("rolled back")
        })
        expect(yield* Effect.flip(sql.withTransaction(failed))).toBe("rolled back")
        expect(yield* sql`SELECT address FROM own_runners`).toEqual([])
      })
    )

    it.scoped("creates the tables once, however many start at once", () =>
      Effect.gen(function* () {
        yield* Effect.all(
          Array.from({ length: 6 }, () => join({ prefix: "race" })),
          { concurrency: "unbounded" }
        )
        const sql = yield* PgClient.PgClient
        const types = yield* sql`SELECT data_type FROM information_schema.columns
          WHERE table_name LIKE 'race_%' AND data_type LIKE 'timestamp%'`
        expect(types.length).toBe(3)
        expect(new Set(types.map((row) => row["data_type"]))).toEqual(
          new Set(["timestamp with time zone"])
        )
      })
    )

    it.scoped("works on the tables that sql/tables.sql made", () =>
      Effect.gen(function* () {
        const text = readFileSync(new URL("../sql/tables.sql", import.meta.url), "utf8")
        const sql = yield* PgClient.PgClient
        yield* sql.unsafe(text.replaceAll("my_service", "by_hand"))
        const assignment = yield* join({ prefix: "by_hand" })
        yield* owning(assignment, (owned) => owned === tenants.length)
      })
    )

    it.scoped("is refused with another number of shards, or another expiration", () =>
      Effect.gen(function* () {
        yield* join({ prefix: "agreed" })
        expect(yield* Effect.flip(join({ prefix: "agreed", shards: 31 }))).toMatchObject({
          _tag: "ClusterSettingMismatch",
          setting: "shards",
          configured: 31,
          stored: 30
        })
        expect(
          yield* Effect.flip(join({ prefix: "agreed", expiration: "7 seconds" }))
        ).toMatchObject({ _tag: "ClusterSettingMismatch", setting: "expiration", stored: 6 })
      })
    )

    for (const table of ["taken_shards", "taken_runners", "taken_locks"]) {
      it.scoped(`is refused where ${table} exists, and the table stays`, () =>
        Effect.gen(function* () {
          const sql = yield* PgClient.PgClient
          yield* Effect.acquireRelease(sql`CREATE TABLE ${sql(table)} (shard_id TEXT)`, () =>
            Effect.orDie(sql`DROP TABLE ${sql(table)}`)
          )
          expect(yield* Effect.flip(join({ prefix: "taken" }))).toMatchObject({
            _tag: "ClusterPrefixTaken",
            prefix: "taken",
            table
          })
          expect(yield* sql`SELECT * FROM ${sql(table)}`).toEqual([])
        })
      )
    }

    it.scoped("fails where the database does not answer, without its password", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(
          Layer.build(
            ClusterAssignment.layer({
              prefix: "nowhere",
              database: { host: "127.0.0.1", port: 1, password: Redacted.make("secret") }
            })
          )
        )
        expect(error._tag).toBe("ClusterDatabaseError")
        expect(`${error.message} ${JSON.stringify(error)}`).not.toContain("secret")
      })
    )
  }
)

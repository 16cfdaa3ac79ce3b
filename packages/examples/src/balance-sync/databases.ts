/**
 * The operator's part: a database per tenant, and the roles that log in to it.
 */
import { PgClient } from "@effect/sql-pg"
import { SqlClient } from "@effect/sql"
import { Context, Effect, Layer, Scope } from "effect"
import type { Server } from "./server.js"

export const ACCOUNTS = 10
export const OPENING_BALANCE = 1000

export interface Batch {
  readonly id: number
  readonly from: number
  readonly to: number
  readonly amount: number
}

/** One applied batch. */
export interface Applied {
  readonly id: number
  /** The role that applied it. */
  readonly role: string
  /** The replica that applied it, and the fence of its lease; `null` without a cluster. */
  readonly replica: string
  readonly fence: string | null
  /** Milliseconds since the epoch, at the commit or shortly before. */
  readonly at: number
}

export interface Credentials {
  readonly username: string
  readonly password: string
}

export interface TenantDatabase {
  readonly name: string
  /** Adds batches to the tenant's table of pending batches. */
  readonly enqueue: (batches: ReadonlyArray<Batch>) => Effect.Effect<void, unknown>
  readonly pending: Effect.Effect<number, unknown>
  readonly applied: Effect.Effect<ReadonlyArray<Applied>, unknown>
  readonly balances: Effect.Effect<ReadonlyArray<number>, unknown>
  /** Creates a role with the same rights. */
  readonly issue: Effect.Effect<Credentials, unknown>
  /** Forbids the role to log in and ends its sessions. */
  readonly revoke: (username: string) => Effect.Effect<void, unknown>
}

const connect = (server: Server, database: string) =>
  Effect.map(
    Layer.build(
      PgClient.layer({
        host: server.host,
        port: server.port,
        username: server.username,
        password: server.password,
        database,
        maxConnections: 2
      })
    ),
    (context) => Context.get(context, SqlClient.SqlClient)
  )

const makeTenantDatabase = (
  server: Server,
  admin: SqlClient.SqlClient,
  tenant: string,
  prefix: string
): Effect.Effect<TenantDatabase, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const name = `${prefix}_${tenant}`
    const owner = `${name}_owner`
    let issued = 0
    const login = (generation: number) => `${name}_${generation}`
    yield* Effect.acquireRelease(
      Effect.zipRight(
        admin`CREATE ROLE ${admin(owner)} NOLOGIN`,
        admin`CREATE DATABASE ${admin(name)} OWNER ${admin(owner)}`
      ),
      // An existing server keeps nothing of this program.
      () =>
        Effect.gen(function* () {
          yield* admin`DROP DATABASE ${admin(name)} WITH (FORCE)`
          for (let generation = 1; generation <= issued; generation++) {
            yield* admin`DROP ROLE ${admin(login(generation))}`
          }
          yield* admin`DROP ROLE ${admin(owner)}`
        }).pipe(Effect.catchAllCause((cause) => Effect.logWarning(`could not drop ${name}`, cause)))
    )
    const sql = yield* connect(server, name)
    // `fence` is the highest fence that has written the row.
    yield* sql`CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL, fence bigint NOT NULL DEFAULT 0)`
    yield* sql`CREATE TABLE pending (id int PRIMARY KEY, source int NOT NULL, target int NOT NULL, amount int NOT NULL)`
    // The primary key refuses to apply a batch twice.
    yield* sql`CREATE TABLE applied (id int PRIMARY KEY, role text NOT NULL, replica text NOT NULL, fence bigint, at timestamptz NOT NULL)`
    yield* sql`INSERT INTO accounts SELECT id, ${OPENING_BALANCE} FROM generate_series(0, ${ACCOUNTS - 1}) id`
    for (const table of ["accounts", "pending", "applied"]) {
      yield* sql`ALTER TABLE ${sql(table)} OWNER TO ${sql(owner)}`
    }

    return {
      name,
      enqueue: (batches) =>
        sql`INSERT INTO pending ${sql.insert(
          batches.map(({ amount, from, id, to }) => ({ id, source: from, target: to, amount }))
        )}`,
      pending: Effect.map(
        sql<{ count: number }>`SELECT count(*)::int AS count FROM pending`,
        ([row]) => row?.count ?? 0
      ),
      applied: sql<Applied>`SELECT id, role, replica, fence, (extract(epoch FROM at) * 1000)::float8 AS at FROM applied ORDER BY id`,
      balances: Effect.map(
        sql<{ balance: number }>`SELECT balance::int AS balance FROM accounts ORDER BY id`,
        (rows) => rows.map(({ balance }) => balance)
      ),
      issue: Effect.gen(function* () {
        issued++
        const username = login(issued)
        const password = crypto.randomUUID()
        yield* admin`CREATE ROLE ${admin(username)} LOGIN INHERIT PASSWORD ${admin.literal(`'${password}'`)} IN ROLE ${admin(owner)}`
        return { username, password }
      }),
      revoke: (username) =>
        Effect.zipRight(
          admin`ALTER ROLE ${admin(username)} NOLOGIN`,
          admin`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ${username}`
        )
    }
  })

/** The body of `/connections` of a tenant with these credentials. */
export const settingsFor = (
  server: Server,
  database: TenantDatabase,
  credentials: Credentials
) => ({
  databases: {
    ledger: {
      postgresql: {
        host: server.host,
        port: server.port,
        database: database.name,
        ...credentials,
        sslmode: "disable"
      },
      connectionSettings: { maxOpenConns: 4 }
    }
  }
})

/** Creates databases on the server; the scope drops them. */
export const makeDatabases = (server: Server) =>
  Effect.gen(function* () {
    const admin = yield* connect(server, server.database)
    const prefix = `sync_${crypto.randomUUID().slice(0, 8)}`
    const scope = yield* Effect.scope
    return (tenant: string) =>
      Scope.extend(makeTenantDatabase(server, admin, tenant, prefix), scope)
  })

/** The service's own database, which its replicas share; the scope drops it. Answers its name. */
export const makeServiceDatabase = (server: Server) =>
  Effect.gen(function* () {
    const admin = yield* connect(server, server.database)
    const name = `sync_${crypto.randomUUID().slice(0, 8)}_service`
    return yield* Effect.acquireRelease(
      Effect.as(admin`CREATE DATABASE ${admin(name)}`, name),
      () => Effect.orDie(admin`DROP DATABASE ${admin(name)} WITH (FORCE)`)
    )
  })

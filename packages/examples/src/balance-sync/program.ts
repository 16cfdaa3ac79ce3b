/**
 * A simulated tenant manager and Redis, a PostgreSQL, a worker, and an operator who adds and
 * suspends tenants and rotates their credentials while the worker runs. With several replicas, each
 * is a process, and one is killed and comes back.
 */
import { NodeContext } from "@effect/platform-node"
import { RedisServer, Simulator } from "@tenant-discovery/simulator"
import { Clock, Console, Duration, Effect, Schedule } from "effect"
import {
  type Batch,
  makeDatabases,
  settingsFor,
  type TenantDatabase,
  ACCOUNTS
} from "./databases.js"
import { several, single } from "./fleet.js"
import { server } from "./server.js"
import { ROTATION_GRACE } from "./service.js"
import { judge } from "./summary.js"

/** Old credentials stay valid for a second longer than the pools use them. */
const REVOKE_AFTER = Duration.seconds(3)

const BATCHES = 100
const TENANTS = ["acme", "globex", "initech", "umbrella"]
const LATECOMER = "stark"

interface Tenant {
  readonly id: string
  readonly database: TenantDatabase
  readonly enqueued: ReadonlyArray<Batch>
  readonly replacedAt: Map<string, number>
  role: string
}

const batches: ReadonlyArray<Batch> = Array.from({ length: BATCHES }, (_, id) => ({
  id,
  from: id % ACCOUNTS,
  to: (id * 7 + 3) % ACCOUNTS,
  amount: 1 + (id % 50)
}))

const play = Effect.fnUntraced(function* (replicas: number) {
  yield* Console.log("Starting PostgreSQL, a tenant manager and a Redis-compatible server ...")
  const postgres = yield* server
  const makeDatabase = yield* makeDatabases(postgres)
  const redis = yield* RedisServer.make({ kind: "embedded" })
  const simulator = yield* Simulator.make({ redis, environment: "example", service: "ledger" })

  /** New credentials: in PostgreSQL, then in the tenant manager, then the event. */
  const rotate = (tenant: Tenant) =>
    Effect.gen(function* () {
      const old = tenant.role
      const credentials = yield* tenant.database.issue
      yield* simulator.overrideConnections(
        tenant.id,
        settingsFor(postgres, tenant.database, credentials)
      )
      yield* simulator.rotate(tenant.id)
      tenant.role = credentials.username
      tenant.replacedAt.set(old, yield* Clock.currentTimeMillis)
      yield* Effect.forkScoped(Effect.delay(tenant.database.revoke(old), REVOKE_AFTER))
    })

  const arrive = (id: string) =>
    Effect.gen(function* () {
      const database = yield* makeDatabase(id)
      const credentials = yield* database.issue
      yield* database.enqueue(batches)
      // The settings are in place before the event.
      yield* simulator.create({ id, publish: false })
      yield* simulator.overrideConnections(id, settingsFor(postgres, database, credentials))
      yield* Console.log(`${id} starts with ${BATCHES} batches to apply`)
      const tenant: Tenant = {
        id,
        database,
        enqueued: batches,
        replacedAt: new Map(),
        role: credentials.username
      }
      return tenant
    })

  const tenants = yield* Effect.forEach(TENANTS, arrive)
  const [first, second, third] = tenants
  // The worker has a scope of its own, which closes before its servers.
  const story = Effect.gen(function* () {
    const databases = tenants.map(({ database }) => database)
    const fleet =
      replicas === 1
        ? yield* single(simulator.env)
        : yield* several(replicas, postgres, simulator.env, databases)

    const act = <R>(text: string, ...acts: ReadonlyArray<Effect.Effect<unknown, unknown, R>>) =>
      Effect.zipRight(Console.log(text), Effect.all(acts, { concurrency: "unbounded" }))

    for (let round = 1; round <= 3; round++) {
      yield* Effect.sleep("700 millis")
      yield* act(`rotation ${round} of all credentials`, ...tenants.map(rotate))
      if (round === 1 && first !== undefined) {
        yield* act(`${first.id} is suspended`, simulator.suspend(first.id))
      }
      if (round === 1 && replicas > 1 && third !== undefined) {
        yield* act(`the replica of ${third.id} is killed`, fleet.killOwner(third.database))
      }
      if (round === 2) {
        const latecomer = yield* arrive(LATECOMER)
        tenants.push(latecomer)
        yield* simulator.reactivate(LATECOMER)
        if (second !== undefined) {
          yield* act(`${second.id} is suspended`, simulator.suspend(second.id))
        }
        if (first !== undefined) {
          yield* act(`${first.id} is back`, simulator.reactivate(first.id))
        }
      }
      if (round === 3 && second !== undefined) {
        yield* act(`${second.id} is back`, simulator.reactivate(second.id))
      }
    }

    yield* Effect.forEach(tenants, ({ database }) => database.pending).pipe(
      Effect.repeat({
        schedule: Schedule.spaced("200 millis"),
        until: (counts) => counts.every((count) => count === 0)
      }),
      Effect.timeoutOption("30 seconds")
    )
  })
  yield* Effect.scoped(story)

  return yield* Effect.forEach(tenants, ({ database, enqueued, id, replacedAt }) =>
    Effect.gen(function* () {
      const applied = yield* database.applied
      const balances = yield* database.balances
      const grace = Duration.toMillis(ROTATION_GRACE) + 1000
      return judge({ tenant: id, enqueued, applied, balances, replacedAt }, grace)
    })
  )
})

/**
 * Runs to its end; one verdict for each tenant. With more than one of `replicas`, each is a process,
 * and one of them is killed while its tenants have work.
 */
export const balanceSync = (replicas: number) =>
  play(replicas).pipe(Effect.scoped, Effect.provide(NodeContext.layer))

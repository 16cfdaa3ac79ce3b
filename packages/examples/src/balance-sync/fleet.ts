/** The service as it runs: in this process, or as several processes that share the tenants. */
import type { CommandExecutor } from "@effect/platform"
import { ConfigProvider, Effect, Layer, Redacted, Schedule, Scope } from "effect"
import { bundle, type Replica, startReplica } from "../replicas/replicaProcess.js"
import { makeServiceDatabase, type TenantDatabase } from "./databases.js"
import { type Server, urlOf } from "./server.js"
import { service } from "./service.js"

type Env = Readonly<Record<string, string>>

export interface Fleet {
  /**
   * Kills the replica that worked last for the tenant of this database, and starts another in its
   * place. With a single replica it does nothing.
   */
  readonly killOwner: (database: TenantDatabase) => Effect.Effect<void, unknown>
}

/** One replica, in this process, without an assignment. */
export const single = (env: Env) =>
  service("single").pipe(
    Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env))))),
    Layer.build,
    Effect.as<Fleet>({ killOwner: () => Effect.void })
  )

const REPLICA = new URL("./replica.ts", import.meta.url)

/** The name of the replica that applied the last batch. */
const lastReplica = (database: TenantDatabase) =>
  Effect.map(database.applied, (applied) => applied.toSorted((a, b) => b.at - a.at)[0]?.replica)

/** `count` replicas, each a process. Returns when each of the tenants has been worked for. */
export const several = (
  count: number,
  postgres: Server,
  env: Env,
  databases: ReadonlyArray<TenantDatabase>
) =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const context = yield* Effect.context<CommandExecutor.CommandExecutor>()
    const shared = yield* makeServiceDatabase(postgres)
    const program = yield* bundle(REPLICA)
    const replicas = new Map<string, Replica>()
    const start = (name: string) =>
      startReplica(program, name, {
        ...env,
        MULTI_TENANT_CLUSTER_DATABASE_URL: Redacted.value(urlOf(postgres, shared)),
        MULTI_TENANT_CLUSTER_PREFIX: "balance_sync"
      }).pipe(
        Effect.tap((replica) => Effect.sync(() => replicas.set(name, replica))),
        Scope.extend(scope),
        Effect.provide(context)
      )

    for (let index = 1; index <= count; index++) yield* start(`replica ${index}`)
    yield* Effect.forEach(databases, lastReplica).pipe(
      Effect.repeat({
        schedule: Schedule.spaced("100 millis"),
        until: (names) => names.every((name) => name !== undefined)
      })
    )
    const killOwner = Effect.fnUntraced(function* (database: TenantDatabase) {
      const owner = replicas.get((yield* lastReplica(database)) ?? "")
      if (owner === undefined) return yield* Effect.dieMessage("no replica works for the tenant")
      yield* owner.kill
      replicas.delete(owner.name)
      yield* start(`${owner.name} again`)
    })
    const fleet: Fleet = { killOwner }
    return fleet
  })

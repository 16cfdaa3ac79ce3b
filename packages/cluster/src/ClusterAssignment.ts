/**
 * Each tenant on exactly one of a service's replicas, over `@effect/cluster` and PostgreSQL.
 *
 * What is promised: two replicas never begin work for one tenant at once, and a replica that dies,
 * freezes or is cut off loses its tenants to the others within ten seconds (defaults). What is not:
 * work in flight on a frozen process goes on for an instant after it thaws, and a database whose
 * clock jumps ahead, or that fails over to an asynchronous standby, can let two replicas begin or
 * repeat a fence. Only a resource that compares the fence stops such a write.
 */
import * as EntityId from "@effect/cluster/EntityId"
import * as MessageStorage from "@effect/cluster/MessageStorage"
import * as Runner from "@effect/cluster/Runner"
import * as RunnerAddress from "@effect/cluster/RunnerAddress"
import * as RunnerHealth from "@effect/cluster/RunnerHealth"
import * as Runners from "@effect/cluster/Runners"
import { RunnerStorage } from "@effect/cluster/RunnerStorage"
import * as Sharding from "@effect/cluster/Sharding"
import * as ShardingConfig from "@effect/cluster/ShardingConfig"
import * as SqlRunnerStorage from "@effect/cluster/SqlRunnerStorage"
import type { SqlClient, SqlError } from "@effect/sql"
import { Config, ConfigError, Context, Effect, Either, Layer, Option, type Scope } from "effect"
import { TenantAssignment, type TenantAssignmentService, type TenantId } from "tenant-discovery"
import { type ClusterAssignmentError, ClusterDatabaseError } from "./ClusterAssignmentError.js"
import { boundedWait } from "./internal/boundedWait.js"
import { longestStatement, pool } from "./internal/database.js"
import { makeLeases } from "./internal/leases.js"
import { type ClusterAssignmentOptions, decodeOptions, type Settings } from "./internal/options.js"
import { makeLockRows } from "./internal/lockRows.js"
import { makeReplicas, PORT } from "./internal/replicas.js"
import { makeMembership } from "./internal/runnerStorage.js"
import { makeService } from "./internal/service.js"
import { makeShardLocks } from "./internal/shardLocks.js"
import { prepareTables } from "./internal/tables.js"

export type { ClusterAssignmentOptions, ClusterDatabase } from "./internal/options.js"

const GROUP = "default"

const databaseError = (cause: SqlError.SqlError) =>
  new ClusterDatabaseError({
    message: `the database of the cluster does not answer or refused a statement: ${String(cause.cause)}`,
    cause
  })

/** The engine without messages, entities and ports: it spreads shards over the replicas. */
const engine = (
  config: (typeof ShardingConfig.ShardingConfig)["Service"],
  storage: (typeof RunnerStorage)["Service"]
) =>
  Sharding.layer.pipe(
    Layer.provide(Runners.layerNoop),
    Layer.provide([
      MessageStorage.layerNoop,
      RunnerHealth.layerNoop,
      Layer.succeed(RunnerStorage, storage)
    ]),
    Layer.provide(Layer.succeed(ShardingConfig.ShardingConfig, config))
  )

const make = (
  settings: Settings
): Effect.Effect<
  TenantAssignmentService,
  ClusterAssignmentError,
  SqlClient.SqlClient | Scope.Scope
> =>
  Effect.gen(function* () {
    const { prefix } = settings
    yield* prepareTables(settings)

    const address = RunnerAddress.make(settings.address, PORT)
    const config = {
      ...ShardingConfig.defaults,
      runnerAddress: Option.some(address),
      shardsPerGroup: settings.shards,
      shardLockDisableAdvisory: true,
      shardLockExpiration: settings.expiration,
      shardLockRefreshInterval: settings.refreshInterval,
      refreshAssignmentsInterval: settings.assignmentsInterval,
      entityMessagePollInterval: settings.pollInterval
    }
    // A layer has a scope of its own: the storage works until the last finalizer here has run.
    const storage = yield* Layer.build(
      SqlRunnerStorage.layerWith({ prefix }).pipe(
        Layer.provide(Layer.succeed(ShardingConfig.ShardingConfig, config))
      )
    )
    const inner = Context.get(storage, RunnerStorage)
    const limits = { ...settings, longestStatement: longestStatement(settings) }
    const leases = yield* makeLeases(yield* Effect.clock)
    const locks = yield* makeShardLocks({
      ...limits,
      leases,
      rows: yield* makeLockRows(prefix, `${settings.address}:${PORT}`)
    })
    const replicas = yield* makeReplicas(limits)
    const membership = yield* makeMembership({
      inner,
      locks,
      self: Runner.make({ address, groups: [GROUP], weight: 1 }),
      participate: settings.participate,
      registered: replicas.announce
    })
    const running = yield* Layer.build(engine(config, membership.storage))
    const sharding = Context.get(running, Sharding.Sharding)

    // Before the engine closes: it takes part no longer, and the locks are still renewed.
    yield* Effect.addFinalizer(() =>
      Effect.zipRight(
        membership.leave,
        boundedWait(locks.settled, settings.drainTimeout + settings.expiration)
      )
    )
    yield* Effect.logInfo(
      `replica ${settings.address} joined the cluster ${prefix} (${settings.shards} shards)`
    )
    return yield* makeService({
      description: `replica ${settings.address} of the cluster ${prefix}`,
      shardOf: (id: TenantId) => sharding.getShardId(EntityId.make(id), GROUP).toString(),
      leases,
      replicas,
      membership,
      problem: locks.problem,
      warnsUnread: settings.participate
    })
  }).pipe(Effect.catchTag("SqlError", (cause) => Effect.fail(databaseError(cause))))

const layerOf = (settings: Settings): Layer.Layer<TenantAssignment, ClusterAssignmentError> =>
  Layer.scoped(TenantAssignment, make(settings)).pipe(
    Layer.provide(Layer.catchAll(pool(settings), (cause) => Layer.fail(databaseError(cause))))
  )

/**
 * Takes this replica's part of the tenants, and follows the others that join and leave. It opens a
 * pool of its own, creates the tables that are missing, and joins. On close it leaves at once and
 * gives each shard back when the leases of its tenants have closed, within `drainTimeout` and
 * `expiration`. An interruption while it joins leaves nothing but the tables.
 *
 * @throws RangeError for a bad option, which it names.
 */
export const layer = (
  options: ClusterAssignmentOptions
): Layer.Layer<TenantAssignment, ClusterAssignmentError> =>
  layerOf(decodeOptions("ClusterAssignment.layer", options))

const variables = Config.all({
  url: Config.redacted("MULTI_TENANT_CLUSTER_DATABASE_URL"),
  prefix: Config.string("MULTI_TENANT_CLUSTER_PREFIX"),
  shards: Config.withDefault(Config.integer("MULTI_TENANT_CLUSTER_SHARDS"), undefined),
  version: Config.withDefault(Config.string("MULTI_TENANT_CLUSTER_VERSION"), undefined),
  participate: Config.withDefault(Config.boolean("MULTI_TENANT_CLUSTER_PARTICIPATE"), undefined)
}).pipe(
  Config.mapOrFail(({ url, ...options }) =>
    Either.try({
      try: () => decodeOptions("ClusterAssignment.layerConfig", { ...options, database: { url } }),
      catch: (error) => ConfigError.InvalidData(["MULTI_TENANT_CLUSTER"], String(error))
    })
  )
)

/**
 * The same from the environment: `MULTI_TENANT_CLUSTER_DATABASE_URL` and
 * `MULTI_TENANT_CLUSTER_PREFIX`, which are required, `MULTI_TENANT_CLUSTER_SHARDS`,
 * `MULTI_TENANT_CLUSTER_VERSION` and `MULTI_TENANT_CLUSTER_PARTICIPATE`.
 */
export const layerConfig: Layer.Layer<
  TenantAssignment,
  ClusterAssignmentError | ConfigError.ConfigError
> = Layer.unwrapEffect(Effect.map(variables, layerOf))

/** One replica of the service. Environment variables configure it. */
import { NodeRuntime } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { ClusterAssignment } from "@tenant-discovery/cluster"
import { Config, Effect, Layer } from "effect"
import { TenantWorker } from "tenant-discovery"
import { NodeTenantDiscovery } from "tenant-discovery/node"
import { recordRun } from "./runs.js"

const relay = (replica: string) =>
  TenantWorker.perTenant({
    name: "relay",
    run: Effect.scoped(Effect.zipRight(recordRun(replica), Effect.never))
  })

const program = Layer.unwrapEffect(Effect.map(Config.string("REPLICA"), relay)).pipe(
  Layer.provide(ClusterAssignment.layerConfig),
  Layer.provide(NodeTenantDiscovery.layerConfig),
  // The program's own pool: the cluster does not use it.
  Layer.provide(
    PgClient.layerConfig({
      url: Config.redacted("MULTI_TENANT_CLUSTER_DATABASE_URL"),
      maxConnections: Config.succeed(4)
    })
  )
)

NodeRuntime.runMain(Layer.launch(program))

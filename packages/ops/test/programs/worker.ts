/** A worker program with the operations endpoints, until a signal. Prints the address of the endpoints. */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer, Redacted, Schedule } from "effect"
import { CurrentTenant, TenantHealth, TenantWorker } from "tenant-discovery"
import { NodeTenantDiscovery } from "tenant-discovery/node"
import { TenantOps } from "../../src/index.js"

const worker = TenantWorker.scheduled({
  name: "relay",
  schedule: Schedule.spaced("500 millis"),
  concurrency: 1000,
  run: Effect.asVoid(CurrentTenant)
})

const announced = Layer.effectDiscard(
  Effect.flatMap(TenantOps.TenantOpsServer, ({ url }) => Console.log(`url ${url}`))
)

const ops = Layer.provide(
  announced,
  TenantOps.layer({ port: 0, token: Redacted.make("token-of-the-test") })
)

Layer.merge(worker, ops).pipe(
  Layer.provide(TenantHealth.layer({ degradedAfter: "500 millis" })),
  Layer.provide(NodeTenantDiscovery.layerConfig),
  Layer.launch,
  NodeRuntime.runMain
)

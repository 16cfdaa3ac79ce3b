import { NodeRuntime } from "@effect/platform-node"
import { TenantOps } from "@tenant-discovery/ops"
import { Layer, Logger } from "effect"
import { NodeTenantDiscovery } from "tenant-discovery/node"
import { BalanceSync } from "./worker.js"

/** The worker, and its health and metrics, over the tenants of the environment's variables. */
const App = Layer.mergeAll(BalanceSync, TenantOps.layerConfig).pipe(
  Layer.provide(NodeTenantDiscovery.layerConfig),
  Layer.provide(Logger.json)
)

NodeRuntime.runMain(Layer.launch(App), { disablePrettyLogger: true })

/** One of several replicas: the same service, over a cluster. */
import { NodeRuntime } from "@effect/platform-node"
import { ClusterAssignment } from "@tenant-discovery/cluster"
import { Config, Effect, Layer } from "effect"
import { service } from "./service.js"

const program = Layer.unwrapEffect(Effect.map(Config.string("REPLICA"), service)).pipe(
  Layer.provide(ClusterAssignment.layerConfig)
)

NodeRuntime.runMain(Layer.launch(program))

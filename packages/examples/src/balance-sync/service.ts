/** The worker and its layers, configured by environment variables. */
import { Duration, Layer } from "effect"
import { TenantConnections } from "tenant-discovery"
import { NodeTenantDiscovery } from "tenant-discovery/node"
import { TenantPg } from "./TenantPg.js"
import { worker } from "./worker.js"

/** How long a pool with old credentials may finish its work after a rotation. */
export const ROTATION_GRACE = Duration.seconds(2)

/** `replica` names the process in what it records. */
export const service = (replica: string) =>
  worker(replica).pipe(
    Layer.provide(TenantPg.layerConfig({ rotationGrace: ROTATION_GRACE })),
    Layer.provide(TenantConnections.layerConfig({ rotationJitter: "500 millis" })),
    Layer.provide(NodeTenantDiscovery.layerConfig)
  )

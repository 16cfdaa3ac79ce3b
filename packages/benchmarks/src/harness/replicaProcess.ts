/**
 * A replica of a service. The first message says what it works for; it answers the number of its
 * tenants that have work, at each change.
 */
import { ClusterAssignment } from "@tenant-discovery/cluster"
import { Effect, Layer, Redacted } from "effect"
import { TenantDiscovery, TenantWorker } from "tenant-discovery"
import { inMemory, quiet, tenantsTo } from "./discoveries.js"

export interface ReplicaOrder {
  readonly url: string
  readonly prefix: string
  readonly tenants: number
}

let working = 0

const report = (change: number) =>
  Effect.sync(() => {
    working += change
    process.send?.(working)
  })

const worker = TenantWorker.perTenant({
  name: "benchmark",
  run: Effect.acquireUseRelease(
    report(1),
    () => Effect.never,
    () => report(-1)
  )
})

const replica = ({ prefix, tenants, url }: ReplicaOrder) =>
  Effect.gen(function* () {
    const { discovery } = yield* inMemory(tenantsTo(tenants))
    yield* worker.pipe(
      Layer.provide(ClusterAssignment.layer({ prefix, database: { url: Redacted.make(url) } })),
      Layer.provide(Layer.succeed(TenantDiscovery, discovery)),
      Layer.provide(quiet),
      Layer.launch
    )
  })

process.once("message", (order) => {
  void Effect.runPromise(Effect.scoped(replica(order as ReplicaOrder)))
})
process.on("disconnect", () => process.exit(0))

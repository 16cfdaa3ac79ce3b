/** Pools of resources that count how often they are acquired and released. */
import { Context, Effect, Layer } from "effect"
import { type Connections, TenantLayers } from "tenant-discovery"
import type { Misbehaviour } from "./trouble.js"

/** Stands for a tenant's database connections. */
export class Resource extends Context.Tag("soak/Resource")<Resource, { open: boolean }>() {}

export class PoolTally extends Context.Tag("soak/PoolTally")<
  PoolTally,
  { acquired: number; released: number; usedAfterRelease: number; readonly trouble: Misbehaviour }
>() {}

const build = (connections: Connections) =>
  Layer.scoped(
    Resource,
    Effect.gen(function* () {
      const tally = yield* PoolTally
      yield* connections.postgresql()
      const resource = yield* Effect.acquireRelease(
        Effect.sync(() => {
          tally.acquired++
          return { open: true }
        }),
        (resource) =>
          Effect.zipRight(
            tally.trouble.delayRelease,
            Effect.sync(() => {
              resource.open = false
              tally.released++
            })
          )
      )
      yield* tally.trouble.strike("build")
      return resource
    })
  )

const limits = {
  acquireTimeout: "10 seconds",
  buildTimeout: "2 seconds",
  rotationGrace: "1 second",
  removalGrace: "1 second",
  drain: "2 seconds",
  closeTimeout: "2 seconds",
  buildBackoffCap: "2 seconds"
} as const

/** Used for moments by every tenant: places change hands all the time. */
export class SharedPool extends TenantLayers.Service<SharedPool>()("soak/Shared", {
  ...limits,
  maxTenants: 200,
  idleTimeout: "10 seconds",
  lookup: build
}) {}

/** Held for seconds by more tenants than it has places. */
export class HeldPool extends TenantLayers.Service<HeldPool>()("soak/Held", {
  ...limits,
  maxTenants: 40,
  lookup: build
}) {}

/** Uses the current tenant's resource; a resource that is closed must never be used. */
export const useResource = Effect.gen(function* () {
  const tally = yield* PoolTally
  const resource = yield* Resource
  if (!resource.open) tally.usedAfterRelease++
})

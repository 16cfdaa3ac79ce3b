/** A program as a user writes it, as an ES module: prints the tenants once it receives events. */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer, Schedule, Stream } from "effect"
import { CurrentTenant, TenantDiscovery, TenantWorker } from "tenant-discovery"
import { NodeTenantDiscovery } from "tenant-discovery/node"
import * as RedisTenantEvents from "tenant-discovery/RedisTenantEvents"
import { TestTenantDiscovery } from "tenant-discovery/testing"
import type { Redis } from "ioredis"

/** Only type-checked: the program's own client is accepted. */
export const events = (client: Redis) =>
  RedisTenantEvents.layer({ redis: client, channel: RedisTenantEvents.channelFor("production") })

const Worker = TenantWorker.scheduled({
  name: "worker",
  schedule: Schedule.stop,
  run: Effect.flatMap(CurrentTenant, (tenant) => Effect.logDebug(tenant.id))
})

const tenants = Effect.gen(function* () {
  const discovery = yield* TenantDiscovery
  yield* discovery.status.changes.pipe(
    Stream.takeUntil(({ mode }) => mode === "Live"),
    Stream.runDrain
  )
  return yield* discovery.activeTenantIds
})

const program = Effect.gen(function* () {
  const real = yield* Effect.provide(
    tenants,
    Layer.provideMerge(Worker, NodeTenantDiscovery.layerConfig)
  )
  const double = yield* Effect.provide(tenants, TestTenantDiscovery.layer(["globex"]))
  yield* Console.log(`tenants: ${[...real, ...double].join(", ")}`)
})

NodeRuntime.runMain(program)

/** A program as a user writes it, in CommonJS: prints the tenants once it receives events. */
import effect = require("effect")
import library = require("tenant-discovery")
import node = require("tenant-discovery/node")
import redis = require("tenant-discovery/RedisTenantEvents")
import testing = require("tenant-discovery/testing")

const { Console, Effect, Stream } = effect

const tenants = Effect.gen(function* () {
  const discovery = yield* library.TenantDiscovery
  yield* discovery.status.changes.pipe(
    Stream.takeUntil(({ mode }) => mode === "Live"),
    Stream.runDrain
  )
  return yield* discovery.activeTenantIds
})

const program = Effect.gen(function* () {
  const real = yield* Effect.provide(tenants, node.NodeTenantDiscovery.layerConfig)
  const double = yield* Effect.provide(tenants, testing.TestTenantDiscovery.layer(["globex"]))
  yield* Console.log(`tenants: ${[...real, ...double].join(", ")}`)
  yield* Console.log(`channel: ${JSON.stringify(redis.channelFor("Production"))}`)
})

void Effect.runPromise(program)

/**
 * A long-lived worker a tenant: begun when the tenant comes, ended when it leaves.
 *
 * Run it against `npm run simulator`, with the environment variables that prints.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Random, Schedule } from "effect"
import { CurrentTenant, TenantWorker } from "tenant-discovery"
import { NodeTenantDiscovery } from "tenant-discovery/node"

/** What a relay holds as long as it runs: a database's notifications, a broker's channel. */
const openOutbox = Effect.acquireRelease(
  Effect.gen(function* () {
    const { id } = yield* CurrentTenant
    yield* Effect.log("outbox opened")
    // How many messages wait; yours asks a table.
    return { tenantId: id, take: Random.nextIntBetween(0, 3) }
  }),
  () => Effect.log("outbox closed")
)

/** One tenant's whole life of work. It is interrupted when the tenant leaves, and its outbox closed. */
const relayOutbox = Effect.scoped(
  Effect.gen(function* () {
    const outbox = yield* openOutbox
    const relay = Effect.gen(function* () {
      const messages = yield* outbox.take
      if (messages > 0) yield* Effect.log(`relayed ${messages} messages`)
    })
    yield* Effect.repeat(relay, Schedule.spaced("500 millis"))
  })
)

/** One supervised fiber for each active tenant, begun again with a backoff where it fails. */
const OutboxRelay = TenantWorker.perTenant({
  name: "outbox-relay",
  maxTenants: 1000,
  onConnectionsChanged: "restart",
  run: relayOutbox
})

NodeRuntime.runMain(Layer.launch(Layer.provide(OutboxRelay, NodeTenantDiscovery.layerConfig)))

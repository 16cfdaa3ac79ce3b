/**
 * Long-lived work for each tenant, from the moment it is active until it is removed.
 *
 * `npm run example:outbox-relay` runs it against a simulator. Elsewhere it needs the environment variables of
 * `.env.reference`.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Random, Schedule } from "effect"
import { CurrentTenant, TenantWorker } from "tenant-discovery"
import { NodeTenantDiscovery } from "tenant-discovery/node"

/** What a relay holds while it runs: a database connection, a broker's channel. */
const openOutbox = Effect.acquireRelease(
  Effect.gen(function* () {
    const { id } = yield* CurrentTenant
    yield* Effect.log("outbox opened")
    // The number of waiting messages; a real relay queries a table.
    return { tenantId: id, take: Random.nextIntBetween(0, 3) }
  }),
  () => Effect.log("outbox closed")
)

/** One tenant's work. When the tenant is removed, it is interrupted and its outbox is closed. */
const relayOutbox = Effect.gen(function* () {
  const outbox = yield* openOutbox
  const relay = Effect.gen(function* () {
    const messages = yield* outbox.take
    if (messages > 0) yield* Effect.log(`relayed ${messages} messages`)
  })
  yield* Effect.repeat(relay, Schedule.spaced("500 millis"))
})

/** One supervised fiber for each active tenant; it restarts with a backoff when it fails. */
const OutboxRelay = TenantWorker.perTenant({
  name: "outbox-relay",
  onConnectionsChanged: "restart",
  run: relayOutbox
})

NodeRuntime.runMain(Layer.launch(Layer.provide(OutboxRelay, NodeTenantDiscovery.layerConfig)))

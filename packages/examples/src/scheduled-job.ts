/**
 * A scheduled job over every active tenant, with `TenantWorker.scheduled`.
 *
 * `npm run example:scheduled-job` runs it against a simulator. Elsewhere it needs the environment variables of
 * `.env.reference`.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, HashMap, Layer, Option, Ref, Schedule } from "effect"
import { CurrentTenant, type TenantId, TenantWorker } from "tenant-discovery"
import { NodeTenantDiscovery } from "tenant-discovery/node"

/** Stands for your database. */
class Balances extends Effect.Service<Balances>()("examples/Balances", {
  effect: Effect.map(Ref.make(HashMap.empty<TenantId, number>()), (synced) => ({
    /** Counts the syncs of a tenant; returns the number of this one. */
    sync: (id: TenantId) =>
      Ref.modify(synced, (counts) => {
        const count = Option.getOrElse(HashMap.get(counts, id), () => 0) + 1
        return [count, HashMap.set(counts, id, count)]
      })
  }))
}) {}

/** The work for one tenant. It requires `CurrentTenant`, which the worker provides. */
const syncBalances = Effect.gen(function* () {
  const tenant = yield* CurrentTenant
  const balances = yield* Balances
  const count = yield* balances.sync(tenant.id)
  yield* Effect.log(`balances synced, run ${count}`)
})

/** Eight tenants at a time, each within ten seconds. A failure affects only its tenant. */
const BalanceSync = TenantWorker.scheduled({
  name: "balance-sync",
  schedule: Schedule.spaced("1 second"),
  timeout: "10 seconds",
  requireFresh: "5 minutes",
  run: syncBalances
})

const App = BalanceSync.pipe(
  Layer.provide(Balances.Default),
  Layer.provide(NodeTenantDiscovery.layerConfig)
)

NodeRuntime.runMain(Layer.launch(App))

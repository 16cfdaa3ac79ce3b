/**
 * A scheduled job over every active tenant: five lines, `TenantWorker.scheduled`.
 *
 * Run it against `npm run simulator`, with the environment variables that prints.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, HashMap, Layer, Option, Ref, Schedule } from "effect"
import { CurrentTenant, type TenantId, TenantWorker } from "tenant-discovery"
import { NodeTenantDiscovery } from "tenant-discovery/node"

/** Where the balances end up; yours is a database. */
class Balances extends Effect.Service<Balances>()("examples/Balances", {
  effect: Effect.map(Ref.make(HashMap.empty<TenantId, number>()), (synced) => ({
    /** Counts the syncs of the tenant; gives which one this was. */
    sync: (id: TenantId) =>
      Ref.modify(synced, (counts) => {
        const count = Option.getOrElse(HashMap.get(counts, id), () => 0) + 1
        return [count, HashMap.set(counts, id, count)]
      })
  }))
}) {}

/** For one tenant. Whose, `CurrentTenant` says; outside of a worker this does not compile. */
const syncBalances = Effect.gen(function* () {
  const tenant = yield* CurrentTenant
  const balances = yield* Balances
  const count = yield* balances.sync(tenant.id)
  yield* Effect.log(`balances synced, time ${count}`)
})

/** Eight tenants at a time, each within ten seconds; a failure is its tenant's alone. */
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

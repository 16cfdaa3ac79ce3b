import { Effect, Schedule } from "effect"
import { CurrentTenant, TenantWorker } from "tenant-discovery"

/** The work for one tenant: put yours here. */
export const syncBalances = Effect.gen(function* () {
  const tenant = yield* CurrentTenant
  yield* Effect.log(`syncing the balances of ${tenant.id}`)
})

/** Runs the work for every active tenant, eight tenants at a time. */
export const BalanceSync = TenantWorker.scheduled({
  name: "balance-sync",
  schedule: Schedule.spaced("10 seconds"),
  timeout: "30 seconds",
  // On SIGTERM, runs under way have this long. Shorter than `terminationGracePeriodSeconds`.
  drain: "20 seconds",
  run: syncBalances
})

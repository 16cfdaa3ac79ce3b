/** Two workers over a toy database per tenant, which can be told to fail or hang for a tenant. */
import { Context, Data, Effect, Layer, Random, Schedule } from "effect"
import {
  CurrentTenant,
  TenantConnections,
  type TenantId,
  TenantLayers,
  TenantWorker
} from "tenant-discovery"

/** What goes wrong in the work of a tenant. */
export type WorkFault = "fails" | "hangs"

/** The tenants whose work goes wrong. */
export class WorkFaults extends Context.Tag("playground/WorkFaults")<
  WorkFaults,
  Map<TenantId, WorkFault>
>() {}

class Database extends Context.Tag("playground/Database")<
  Database,
  { readonly query: Effect.Effect<void> }
>() {}

/** Stands for a pool of database connections with the tenant's present credentials. */
class TenantDatabase extends TenantLayers.Service<TenantDatabase>()("playground/TenantDatabase", {
  rotationGrace: "2 seconds",
  removalGrace: "2 seconds",
  lookup: (connections) =>
    Layer.scoped(
      Database,
      Effect.gen(function* () {
        yield* connections.postgresql()
        yield* Effect.acquireRelease(Effect.sleep("50 millis"), () => Effect.void)
        const millis = Random.nextIntBetween(100, 600)
        return { query: Effect.flatMap(millis, (wait) => Effect.sleep(wait)) }
      })
    )
}) {}

class QueryFailed extends Data.TaggedError("QueryFailed")<{ readonly message: string }> {}

const goWrong = Effect.gen(function* () {
  const tenant = yield* CurrentTenant
  const faults = yield* WorkFaults
  while (faults.get(tenant.id) === "hangs") yield* Effect.sleep("200 millis")
  if (faults.get(tenant.id) === "fails") {
    yield* new QueryFailed({ message: 'relation "accounts" does not exist' })
  }
})

const BalanceSync = TenantWorker.scheduled({
  name: "balance-sync",
  schedule: Schedule.spaced("2 seconds"),
  timeout: "2 minutes",
  longRunAfter: "5 seconds",
  failureBackoff: Schedule.exponential("2 seconds"),
  run: Effect.gen(function* () {
    const { query } = yield* Database
    yield* query
    yield* goWrong
  }).pipe(Effect.provide(TenantDatabase.current))
})

const OutboxRelay = TenantWorker.perTenant({
  name: "outbox-relay",
  onConnectionsChanged: "restart",
  run: Effect.repeat(Effect.zipRight(Effect.sleep("1 second"), goWrong), Schedule.forever)
})

/** Needs the discovery and the tenant manager. */
export const Workers = Layer.mergeAll(BalanceSync, OutboxRelay).pipe(
  Layer.provideMerge(TenantDatabase.layer()),
  Layer.provideMerge(TenantConnections.layer({ ttl: "30 seconds" }))
)

/** Each tenant's own PostgreSQL, with its present credentials. */
import { SqlClient } from "@effect/sql"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { TenantLayers } from "tenant-discovery"

export class TenantPg extends TenantLayers.Service<TenantPg>()("balance-sync/TenantPg", {
  // `@effect/sql` has one tag for the open transactions of all clients: without this, work
  // for one tenant within a transaction of another would write to the other's database.
  isolate: [SqlClient.TransactionConnection],
  lookup: (connections, tenant) =>
    Layer.unwrapEffect(
      Effect.map(connections.postgresql("ledger"), (settings) =>
        PgClient.layer({
          host: settings.host,
          port: settings.port,
          database: settings.database,
          username: settings.username,
          password: settings.password,
          ssl: settings.sslmode === undefined || settings.sslmode !== "disable",
          maxConnections: settings.connectionSettings.maxOpenConns,
          applicationName: `balance-sync ${tenant.id}`
        })
      )
    )
}) {}

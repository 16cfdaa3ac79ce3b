/** Each tenant's own PostgreSQL, with the credentials of today. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { TenantLayers } from "tenant-discovery"

export class TenantPg extends TenantLayers.Service<TenantPg>()("balance-sync/TenantPg", {
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

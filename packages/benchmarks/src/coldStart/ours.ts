/** A program over `NodeTenantDiscovery`. It answers the number of its tenants over IPC. */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Logger, LogLevel, Redacted } from "effect"
import { TenantDiscovery } from "tenant-discovery"
import { NodeTenantDiscovery } from "tenant-discovery/node"

const [url = "", host = "", port = ""] = process.argv.slice(2)

const program = Effect.gen(function* () {
  const { activeTenantIds } = yield* TenantDiscovery
  process.send?.((yield* activeTenantIds).length)
  yield* Effect.never
})

NodeRuntime.runMain(
  Effect.provide(
    program,
    NodeTenantDiscovery.layer({
      tenantManager: { service: "ledger", url: `${url}/100`, apiKey: Redacted.make("benchmark") },
      redis: { host, port: Number(port) },
      discovery: { environment: "production" }
    })
  ).pipe(Logger.withMinimumLogLevel(LogLevel.None))
)

/**
 * Prints each change of the status, and `fresh` for each tenth of a second in which the view was
 * fresh. The first argument is the interval between lists in milliseconds.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Logger, LogLevel, Schedule, Stream } from "effect"
import { type DiscoveryStatus, TenantDiscovery } from "tenant-discovery"
import { NodeTenantDiscovery } from "tenant-discovery/node"

const errorOf = ({ lastError }: DiscoveryStatus): string => {
  if (lastError === undefined) return ""
  if (lastError._tag === "ListFailed") return lastError.error._tag
  if (lastError._tag === "ListIncomplete") return lastError._tag
  return `${lastError.cause._tag} ${lastError.cause.message}`
}

const program = Effect.gen(function* () {
  const discovery = yield* TenantDiscovery
  const freshness = discovery.requireFresh("1 second").pipe(
    Effect.matchEffect({
      onFailure: (stale) => Console.log(stale._tag),
      onSuccess: () => Console.log("fresh")
    }),
    Effect.schedule(Schedule.spaced("100 millis"))
  )
  const changes = discovery.status.changes.pipe(
    Stream.map((status) => `${status.mode} ${errorOf(status)}`),
    Stream.changes,
    Stream.runForEach(Console.log)
  )
  yield* Effect.all([freshness, changes], { concurrency: "unbounded" })
})

const layer = NodeTenantDiscovery.layerConfigWith({
  discovery: {
    reconcileInterval: Number(process.argv[2]),
    relistBackoff: "50 millis",
    relistBackoffCap: "100 millis",
    resubscribeJitter: 0
  },
  events: {
    heartbeatInterval: "50 millis",
    heartbeatTimeout: "2 seconds",
    backoff: { base: "20 millis", cap: "100 millis" }
  }
})

program.pipe(
  Effect.provide(layer),
  Effect.catchTag("TenantManagerUnauthorized", (error) => Console.log(`refused ${error._tag}`)),
  Logger.withMinimumLogLevel(LogLevel.None),
  NodeRuntime.runMain
)

/** Discoveries to measure: over the real edges, and over edges that cost nothing. */
import { Context, Effect, Layer, Logger, Redacted, type Scope } from "effect"
import {
  type SignalSink,
  type Tenant,
  TenantDiscovery,
  type TenantDiscoveryService,
  TenantEvents,
  TenantId,
  TenantListing,
  TenantManager
} from "tenant-discovery"
import { NodeTenantDiscovery } from "tenant-discovery/node"
import { API_KEY, ENVIRONMENT, SERVICE, tenantIdAt } from "../traffic.js"
import type { World } from "./world.js"

/** Neither side's log lines are measured: where they go costs more than what they say. */
export const quiet: Layer.Layer<never> = Logger.replace(Logger.defaultLogger, Logger.none)

const serviceOf = <E>(
  layer: Layer.Layer<TenantDiscovery, E>
): Effect.Effect<TenantDiscoveryService, E, Scope.Scope> =>
  Effect.map(Layer.build(Layer.provide(layer, quiet)), Context.get(TenantDiscovery))

/** The discovery as a program has it: real HTTP, real Redis, on a channel of its own. */
export const overTheNetwork = (options: {
  readonly world: World
  readonly tenantManager: string
  readonly channel: string
  readonly tenants: number
}): Effect.Effect<TenantDiscoveryService, unknown, Scope.Scope> =>
  serviceOf(
    NodeTenantDiscovery.layer({
      tenantManager: {
        service: SERVICE,
        url: `${options.tenantManager}/${options.tenants}`,
        apiKey: Redacted.make(API_KEY),
        listBodyLimit: 512 * 1024 * 1024
      },
      redis: { host: options.world.redis.host, port: options.world.redis.port },
      channel: { _tag: "Exact", channel: options.channel },
      discovery: { environment: ENVIRONMENT, reconcileInterval: 0 }
    })
  )

export const tenantsTo = (count: number): ReadonlyArray<Tenant> =>
  Array.from({ length: count }, (_, index) => ({
    id: TenantId.make(tenantIdAt(index)),
    name: `Tenant number ${index}`
  }))

export interface InMemory {
  readonly discovery: TenantDiscoveryService
  readonly sink: SignalSink
}

/** The discovery over a list and messages that are handed to it. */
export const inMemory = (
  tenants: ReadonlyArray<Tenant>
): Effect.Effect<InMemory, unknown, Scope.Scope> =>
  Effect.suspend(() => {
    let taken: SignalSink | undefined
    const events = Layer.succeed(TenantEvents, {
      subscribe: (sink) =>
        Effect.sync(() => {
          taken = sink
          sink.subscribed()
        })
    })
    const manager = Layer.succeed(TenantManager, {
      service: SERVICE,
      listActiveTenants: Effect.succeed(TenantListing.of(tenants)),
      getConnections: () => Effect.dieMessage("a benchmark asks for no connections")
    })
    return serviceOf(
      TenantDiscovery.layer({ environment: ENVIRONMENT, reconcileInterval: 0 }).pipe(
        Layer.provide([events, manager])
      )
    ).pipe(
      Effect.flatMap((discovery) =>
        taken === undefined
          ? Effect.die("expected the discovery to subscribe")
          : Effect.succeed({ discovery, sink: taken })
      )
    )
  })

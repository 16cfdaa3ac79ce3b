/** Discoveries to measure: over real HTTP and Redis, and over the test doubles of both. */
import { Context, Effect, Layer, Logger, Redacted, type Scope } from "effect"
import {
  type Tenant,
  TenantDiscovery,
  type TenantDiscoveryService,
  TenantId
} from "tenant-discovery"
import { NodeTenantDiscovery } from "tenant-discovery/node"
import { TestTenantEvents, TestTenantManager } from "tenant-discovery/testing"
import { API_KEY, ENVIRONMENT, SERVICE, tenantIdAt } from "../traffic.js"

/** No log line of either side is measured. */
export const quiet: Layer.Layer<never> = Logger.replace(Logger.defaultLogger, Logger.none)

/** The discovery of a program: real HTTP and real Redis, on its own channel. */
export const overTheNetwork = (options: {
  readonly redis: { readonly host: string; readonly port: number }
  readonly tenantManager: string
  readonly channel: string
  readonly tenants: number | string
}): Effect.Effect<TenantDiscoveryService, unknown, Scope.Scope> =>
  NodeTenantDiscovery.layer({
    tenantManager: {
      service: SERVICE,
      url: `${options.tenantManager}/${options.tenants}`,
      apiKey: Redacted.make(API_KEY),
      listBodyLimit: 512 * 1024 * 1024
    },
    redis: { host: options.redis.host, port: options.redis.port },
    channel: { _tag: "Exact", channel: options.channel },
    discovery: { environment: ENVIRONMENT, reconcileInterval: 0 }
  }).pipe(Layer.provide(quiet), Layer.build, Effect.map(Context.get(TenantDiscovery)))

export const tenantsTo = (count: number): ReadonlyArray<Tenant> =>
  Array.from({ length: count }, (_, index) => ({
    id: TenantId.make(tenantIdAt(index)),
    name: `Tenant number ${index}`
  }))

export interface InMemory {
  readonly discovery: TenantDiscoveryService
  /** Publishes messages to the discovery. */
  readonly send: (...messages: ReadonlyArray<string>) => Effect.Effect<void>
}

/** The discovery over the doubles of its two edges. */
export const inMemory = (
  tenants: ReadonlyArray<Tenant>
): Effect.Effect<InMemory, unknown, Scope.Scope> =>
  TenantDiscovery.layer({ environment: ENVIRONMENT, reconcileInterval: 0 }).pipe(
    Layer.provideMerge(
      Layer.mergeAll(
        TestTenantEvents.layer(),
        TestTenantManager.layer({ service: SERVICE, tenants })
      )
    ),
    Layer.provide(quiet),
    Layer.build,
    Effect.map((context) => ({
      discovery: Context.get(context, TenantDiscovery),
      send: Context.get(context, TestTenantEvents).send
    }))
  )

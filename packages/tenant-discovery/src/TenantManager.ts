/**
 * The HTTP edge: the tenant manager's list of active tenants and their connection settings.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import { Context, Effect, Layer } from "effect"
import { decodeSettings, type TenantSettings } from "./internal/connections/connectionSchema.js"
import { makeCaller } from "./internal/http/call.js"
import { circuitGauge } from "./internal/http/circuitBreaker.js"
import {
  decodeClientOptions,
  type TenantManagerApiKey,
  tenantManagerDefaults,
  type TenantManagerOptions
} from "./internal/http/defaults.js"
import { decodeListing } from "./internal/http/listing.js"
import { metricLabels } from "./internal/metricLabels.js"
import type { TenantId } from "./Tenant.js"
import type { TenantListing } from "./TenantListing.js"
import type { TenantManagerError } from "./TenantManagerError.js"

export { type TenantManagerApiKey, type TenantManagerOptions, tenantManagerDefaults }

export class TenantManager extends Context.Tag("tenant-discovery/TenantManager")<
  TenantManager,
  {
    /** The service of this client. */
    readonly service: string
    /**
     * `GET {base}{prefix}/tenants/active?service={service}`: one call without a retry. Fails with
     * `TenantManagerMalformedBody` when the list has elements and none is readable. Interrupting
     * it aborts the request.
     */
    readonly listActiveTenants: Effect.Effect<TenantListing, TenantManagerError>
    /**
     * `GET {base}{prefix}/tenants/{tenantId}/associations/{service}/connections`: one call without
     * a retry or a cache (`TenantConnections` has them). `TenantManagerMalformedBody` names the
     * place in the JSON, never its value. Interrupting it aborts the request.
     */
    readonly getConnections: (
      tenantId: TenantId
    ) => Effect.Effect<TenantSettings, TenantManagerError>
  }
>() {
  /**
   * A client over the given `HttpClient`. Building it sends nothing. It never follows a redirect:
   * each call provides its own `RequestInit` to a client built on `fetch`.
   *
   * @throws RangeError at once for a bad option. It shows neither the API key nor the URL.
   *
   * @example
   * TenantManager.layer({
   *   service: "ledger",
   *   url: "https://tenant-manager.example",
   *   apiKey: Redacted.make(key)
   * }).pipe(Layer.provide(NodeHttpClient.layerUndici))
   */
  static readonly make = (
    options: TenantManagerOptions
  ): Effect.Effect<Context.Tag.Service<TenantManager>, never, HttpClient.HttpClient> =>
    Effect.map(build(options), ({ client }) => client)

  /**
   * {@link TenantManager.make} as a layer.
   *
   * @throws RangeError at once for a bad option.
   */
  static readonly layer = (
    options: TenantManagerOptions
  ): Layer.Layer<TenantManager, never, HttpClient.HttpClient> =>
    Layer.scoped(
      TenantManager,
      Effect.map(
        Effect.acquireRelease(build(options), ({ close }) => close),
        ({ client }) => client
      )
    )
}

/** `close` sets the gauges of the circuit breakers back. */
const build = (options: TenantManagerOptions) => {
  const settings = decodeClientOptions(options)
  const { apiPrefix, listBodyLimit, service } = settings
  return Effect.gen(function* () {
    const http = yield* HttpClient.HttpClient
    const labels = yield* metricLabels({ service })
    const showCircuits = {
      list: circuitGauge("get_active_tenants", labels),
      connections: circuitGauge("get_tenant_config", labels)
    }
    const list = makeCaller(http, settings, {
      operation: `GET ${apiPrefix}/tenants/active`,
      spanName: "tenantmanager.client.get_active_tenants",
      limit: listBodyLimit,
      showBody: true,
      showCircuit: showCircuits.list,
      decode: decodeListing
    })
    const connections = makeCaller(http, settings, {
      operation: `GET ${apiPrefix}/tenants/{tenantId}/associations/{service}/connections`,
      spanName: "tenantmanager.client.get_tenant_config",
      limit: tenantManagerDefaults.connectionsBodyLimit,
      showBody: false,
      showCircuit: showCircuits.connections,
      decode: decodeSettings
    })
    const client: Context.Tag.Service<TenantManager> = {
      service,
      listActiveTenants: list(`/tenants/active?${new URLSearchParams({ service }).toString()}`),
      getConnections: (tenantId) =>
        connections(
          `/tenants/${encodeURIComponent(tenantId)}/associations/${encodeURIComponent(service)}/connections`
        ).pipe(Effect.annotateLogs({ tenant_id: tenantId }))
    }
    const close = Effect.sync(() => {
      for (const show of Object.values(showCircuits)) show(false)
    })
    yield* close
    return { client, close }
  })
}

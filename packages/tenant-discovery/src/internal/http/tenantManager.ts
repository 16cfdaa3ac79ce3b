/**
 * The tenant manager's client over HTTP. Its modules are loaded when one is made; see
 * `TenantManager`.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import { type Context, Duration, Effect, Option } from "effect"
import type { TenantId } from "../../Tenant.js"
import {
  type TenantListing,
  type TenantManager,
  tenantManagerDefaults,
  type TenantManagerOptions
} from "../../TenantManager.js"
import type { TenantManagerError } from "../../TenantManagerError.js"
import { decodeSettings, type TenantSettings } from "../connections/connectionSchema.js"
import { baseUrl, headerValue, normalizePrefix } from "./address.js"
import { type Caller, makeCaller } from "./call.js"
import * as CircuitBreaker from "./circuitBreaker.js"
import { decodeListing } from "./listing.js"

const listActiveTenants = (
  call: Caller,
  options: { readonly service: string; readonly prefix: string; readonly limit: number }
): Effect.Effect<TenantListing, TenantManagerError> =>
  Effect.map(
    call({
      operation: `GET ${options.prefix}/tenants/active`,
      path: `${options.prefix}/tenants/active`,
      query: { service: options.service },
      spanName: "tenantmanager.client.get_active_tenants",
      limit: options.limit,
      showBody: true,
      decode: (body) =>
        Effect.tap(decodeListing(body), ({ firstSkipped, skipped }) => {
          if (skipped === 0) return Effect.void
          const told = firstSkipped.map(({ index, reason }) => `[${index}] ${reason}`).join("; ")
          const more = skipped - firstSkipped.length
          return Effect.logWarning(
            `skipped ${skipped} elements of the tenant list: ${told}${more > 0 ? `; and ${more} more` : ""}`
          )
        })
    }),
    ({ skipped, tenants }) => ({ tenants, skipped })
  )

const getConnections =
  (call: Caller, options: { readonly service: string; readonly prefix: string }) =>
  (tenantId: TenantId): Effect.Effect<TenantSettings, TenantManagerError> =>
    Effect.annotateLogs(
      call({
        operation: `GET ${options.prefix}/tenants/{tenantId}/associations/{service}/connections`,
        path: `${options.prefix}/tenants/${encodeURIComponent(tenantId)}/associations/${encodeURIComponent(
          options.service
        )}/connections`,
        spanName: "tenantmanager.client.get_tenant_config",
        limit: tenantManagerDefaults.connectionsBodyLimit,
        showBody: false,
        decode: decodeSettings
      }),
      { tenant_id: tenantId }
    )

/** For ever, as far as a breaker goes: about three hundred years. */
const FOREVER = 10n ** 19n

const makeService = (
  client: HttpClient.HttpClient,
  options: TenantManagerOptions
): Context.Tag.Service<TenantManager> => {
  const defaults = tenantManagerDefaults
  const { resetAfter, threshold } = { ...defaults.circuitBreaker, ...options.circuitBreaker }
  const call = makeCaller(client, {
    base: baseUrl(options.url),
    service: options.service,
    apiKey: headerValue(options.apiKey),
    timeout: Duration.decode(options.timeout ?? defaults.timeout),
    maxRetryAfter: Duration.decode(options.maxRetryAfter ?? defaults.maxRetryAfter),
    breaker: CircuitBreaker.make({
      threshold: threshold ?? defaults.circuitBreaker.threshold,
      resetAfter: Option.getOrElse(
        Duration.toNanos(resetAfter ?? defaults.circuitBreaker.resetAfter),
        () => FOREVER
      )
    })
  })
  const { service } = options
  const prefix = normalizePrefix(options.apiPrefix ?? defaults.apiPrefix)
  return {
    service,
    getConnections: getConnections(call, { service, prefix }),
    listActiveTenants: listActiveTenants(call, {
      service,
      prefix,
      limit: options.listBodyLimit ?? defaults.listBodyLimit
    })
  }
}

export const make = (
  options: TenantManagerOptions
): Effect.Effect<Context.Tag.Service<TenantManager>, never, HttpClient.HttpClient> =>
  Effect.map(HttpClient.HttpClient, (client) => makeService(client, options))

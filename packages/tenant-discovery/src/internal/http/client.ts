/** The tenant manager's two endpoints. */
import type * as HttpClient from "@effect/platform/HttpClient"
import { Effect } from "effect"
import type { TenantId } from "../../Tenant.js"
import type { TenantListing } from "../../TenantListing.js"
import type { TenantManagerError } from "../../TenantManagerError.js"
import { decodeSettings, type TenantSettings } from "../connections/connectionSchema.js"
import { makeCaller } from "./call.js"
import { type ClientSettings, tenantManagerDefaults } from "./defaults.js"
import { decodeListing } from "./listing.js"

export interface Client {
  readonly service: string
  readonly listActiveTenants: Effect.Effect<TenantListing, TenantManagerError>
  readonly getConnections: (tenantId: TenantId) => Effect.Effect<TenantSettings, TenantManagerError>
}

export const makeClient = (client: HttpClient.HttpClient, settings: ClientSettings): Client => {
  const { apiPrefix, service } = settings
  const list = makeCaller(client, settings, {
    operation: `GET ${apiPrefix}/tenants/active`,
    spanName: "tenantmanager.client.get_active_tenants",
    limit: settings.listBodyLimit,
    showBody: true,
    decode: decodeListing
  })
  const connections = makeCaller(client, settings, {
    operation: `GET ${apiPrefix}/tenants/{tenantId}/associations/{service}/connections`,
    spanName: "tenantmanager.client.get_tenant_config",
    limit: tenantManagerDefaults.connectionsBodyLimit,
    showBody: false,
    decode: decodeSettings
  })
  return {
    service,
    listActiveTenants: list(`/tenants/active?${new URLSearchParams({ service }).toString()}`),
    getConnections: (tenantId) =>
      Effect.annotateLogs(
        connections(
          `/tenants/${encodeURIComponent(tenantId)}/associations/${encodeURIComponent(service)}/connections`
        ),
        { tenant_id: tenantId }
      )
  }
}

/**
 * The contract's events as the tenant manager publishes them, each with an `event_id` of its own.
 * The last argument adds or replaces fields:
 *
 * @example
 * events.send(TestEvent.suspended("acme", "ledger", { environment: "production" }))
 */
import type { TenantEventSchema } from "../TenantEvent.js"

/** An event of the contract, with the wire's field names. */
export type ContractEvent = typeof TenantEventSchema.Encoded

/** What an event may carry beside its type, tenant and service. */
export interface Envelope {
  readonly event_id?: string | null | undefined
  readonly timestamp?: string | null | undefined
  readonly tenant_slug?: string | null | undefined
  readonly environment?: string | null | undefined
}

let published = 0

const envelope = (tenantId: string, more: Envelope | undefined) => ({
  event_id: `evt-${++published}`,
  tenant_id: tenantId,
  ...more
})

type ServiceEvent = Extract<ContractEvent, { readonly payload: unknown }>
type WholeTenantEvent = Exclude<ContractEvent, ServiceEvent>

const ofService =
  (event_type: ServiceEvent["event_type"]) =>
  (tenantId: string, service: string, more?: Envelope): ServiceEvent => ({
    event_type,
    ...envelope(tenantId, more),
    payload: { service_name: service }
  })

const ofTenant =
  (event_type: WholeTenantEvent["event_type"]) =>
  (tenantId: string, more?: Envelope): WholeTenantEvent => ({
    event_type,
    ...envelope(tenantId, more)
  })

/** `tenant.service.associated`: the tenant becomes active for `service`. */
export const associated = ofService("tenant.service.associated")

/** `tenant.service.reactivated`: the tenant is active for `service` again. */
export const reactivated = ofService("tenant.service.reactivated")

/** `tenant.service.disassociated`: the tenant leaves `service`. */
export const disassociated = ofService("tenant.service.disassociated")

/** `tenant.service.suspended`: the tenant is not active for `service` until it is reactivated. */
export const suspended = ofService("tenant.service.suspended")

/** `tenant.service.purged`: the tenant left `service` for good. */
export const purged = ofService("tenant.service.purged")

/** `tenant.credentials.rotated`: the connection settings of the tenant must be read again. */
export const credentialsRotated = ofService("tenant.credentials.rotated")

/** `tenant.connections.updated`: the pool settings of the tenant changed. */
export const connectionsUpdated = ofService("tenant.connections.updated")

/** `tenant.cache.invalidate`: what is cached of the tenant must be dropped. */
export const cacheInvalidated = ofService("tenant.cache.invalidate")

/** `tenant.suspended`: for every service. */
export const tenantSuspended = ofTenant("tenant.suspended")

/** `tenant.deleted`: for every service. */
export const tenantDeleted = ofTenant("tenant.deleted")

/** `tenant.activated`: changes nothing by itself, and requests a list. */
export const tenantActivated = ofTenant("tenant.activated")

/** `tenant.created`: does nothing. */
export const tenantCreated = ofTenant("tenant.created")

/** `tenant.updated`: the name or other data of the tenant changed. */
export const tenantUpdated = ofTenant("tenant.updated")

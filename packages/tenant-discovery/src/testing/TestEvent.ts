/**
 * The contract's events as the tenant manager publishes them, each with an
 * `event_id` of its own. Whatever else an event should carry, or carry otherwise,
 * goes into the last argument:
 *
 * @example
 * events.send(TestEvent.suspended("acme", "ledger", { environment: "production" }))
 */
import type { TenantEventSchema, TenantEventType } from "../TenantEvent.js"

/** An event of the contract, with the wire's field names. */
export type ContractEvent = typeof TenantEventSchema.Encoded

type Of<Type extends TenantEventType> = Extract<ContractEvent, { readonly event_type: Type }>

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

/** `tenant.service.associated`: the tenant becomes active for `service`. */
export const associated = (
  tenantId: string,
  service: string,
  more?: Envelope
): Of<"tenant.service.associated"> => ({
  event_type: "tenant.service.associated",
  ...envelope(tenantId, more),
  payload: { service_name: service }
})

/** `tenant.service.reactivated`: the tenant is active for `service` again. */
export const reactivated = (
  tenantId: string,
  service: string,
  more?: Envelope
): Of<"tenant.service.reactivated"> => ({
  event_type: "tenant.service.reactivated",
  ...envelope(tenantId, more),
  payload: { service_name: service, previous_status: "suspended" }
})

/** `tenant.service.disassociated`: the tenant leaves `service`. */
export const disassociated = (
  tenantId: string,
  service: string,
  more?: Envelope
): Of<"tenant.service.disassociated"> => ({
  event_type: "tenant.service.disassociated",
  ...envelope(tenantId, more),
  payload: { service_name: service }
})

/** `tenant.service.suspended`: the tenant is not active for `service` until it is reactivated. */
export const suspended = (
  tenantId: string,
  service: string,
  more?: Envelope
): Of<"tenant.service.suspended"> => ({
  event_type: "tenant.service.suspended",
  ...envelope(tenantId, more),
  payload: { service_name: service, previous_status: "active" }
})

/** `tenant.service.purged`: the tenant left `service` for good. */
export const purged = (
  tenantId: string,
  service: string,
  more?: Envelope
): Of<"tenant.service.purged"> => ({
  event_type: "tenant.service.purged",
  ...envelope(tenantId, more),
  payload: { service_name: service }
})

/** `tenant.credentials.rotated`: the connections of the tenant are to be loaded again. */
export const credentialsRotated = (
  tenantId: string,
  service: string,
  more?: Envelope
): Of<"tenant.credentials.rotated"> => ({
  event_type: "tenant.credentials.rotated",
  ...envelope(tenantId, more),
  payload: { service_name: service, credential_type: "postgresql" }
})

/** `tenant.connections.updated`: other pool settings. */
export const connectionsUpdated = (
  tenantId: string,
  service: string,
  more?: Envelope
): Of<"tenant.connections.updated"> => ({
  event_type: "tenant.connections.updated",
  ...envelope(tenantId, more),
  payload: { service_name: service }
})

/** `tenant.cache.invalidate`: what is cached of the tenant is to be dropped. */
export const cacheInvalidated = (
  tenantId: string,
  service: string,
  more?: Envelope
): Of<"tenant.cache.invalidate"> => ({
  event_type: "tenant.cache.invalidate",
  ...envelope(tenantId, more),
  payload: { service_name: service }
})

/** `tenant.suspended`: for every service. */
export const tenantSuspended = (tenantId: string, more?: Envelope): Of<"tenant.suspended"> => ({
  event_type: "tenant.suspended",
  ...envelope(tenantId, more)
})

/** `tenant.deleted`: for every service. */
export const tenantDeleted = (tenantId: string, more?: Envelope): Of<"tenant.deleted"> => ({
  event_type: "tenant.deleted",
  ...envelope(tenantId, more)
})

/** `tenant.activated`: does nothing by itself, and asks for a list. */
export const tenantActivated = (tenantId: string, more?: Envelope): Of<"tenant.activated"> => ({
  event_type: "tenant.activated",
  ...envelope(tenantId, more)
})

/** `tenant.created`: does nothing. */
export const tenantCreated = (tenantId: string, more?: Envelope): Of<"tenant.created"> => ({
  event_type: "tenant.created",
  ...envelope(tenantId, more)
})

/** `tenant.updated`: something about the tenant itself is other than it was. */
export const tenantUpdated = (tenantId: string, more?: Envelope): Of<"tenant.updated"> => ({
  event_type: "tenant.updated",
  ...envelope(tenantId, more)
})

/** What an event does to the active set of one service: the table of the contract. */
import type { TenantId } from "../../Tenant.js"
import type { TenantEvent, TenantEventType } from "./eventSchema.js"

/** The event that caused a change. */
export interface EventCause {
  readonly _tag: "Event"
  readonly eventType: TenantEventType
  readonly eventId: string | undefined
}

/** Why the connection settings of a tenant are out of date. */
export type ConnectionsReason = "CredentialsRotated" | "ConnectionsUpdated" | "CacheInvalidated"

/** What an event does to the active set of one service. */
export type Directive =
  | { readonly _tag: "Add"; readonly tenantId: TenantId; readonly cause: EventCause }
  | { readonly _tag: "Remove"; readonly tenantId: TenantId; readonly cause: EventCause }
  | {
      readonly _tag: "ChangeConnections"
      readonly tenantId: TenantId
      readonly reason: ConnectionsReason
    }
  | { readonly _tag: "Update"; readonly tenantId: TenantId }
  /** The event changes nothing by itself, but a list may now have the tenant back. */
  | { readonly _tag: "Relist"; readonly tenantId: TenantId }
  /** `receivedService`: the service of the event, if it is not ours. */
  | { readonly _tag: "Ignore"; readonly receivedService: string | undefined }

const ignore = (receivedService?: string): Directive => ({ _tag: "Ignore", receivedService })

const causeOf = (event: TenantEvent): EventCause => ({
  _tag: "Event",
  eventType: event.event_type,
  eventId: event.event_id ?? undefined
})

/** The effect of an event that concerns the service, or the tenant as a whole. */
const directiveOf = (event: TenantEvent): Directive => {
  const tenantId = event.tenant_id
  switch (event.event_type) {
    case "tenant.service.associated":
    case "tenant.service.reactivated":
      return { _tag: "Add", tenantId, cause: causeOf(event) }
    case "tenant.service.disassociated":
    case "tenant.service.suspended":
    case "tenant.service.purged":
    case "tenant.suspended":
    case "tenant.deleted":
      return { _tag: "Remove", tenantId, cause: causeOf(event) }
    case "tenant.credentials.rotated":
      return { _tag: "ChangeConnections", tenantId, reason: "CredentialsRotated" }
    case "tenant.connections.updated":
      return { _tag: "ChangeConnections", tenantId, reason: "ConnectionsUpdated" }
    case "tenant.cache.invalidate":
      return { _tag: "ChangeConnections", tenantId, reason: "CacheInvalidated" }
    case "tenant.activated":
      return { _tag: "Relist", tenantId }
    case "tenant.updated":
      return { _tag: "Update", tenantId }
    case "tenant.created":
      return ignore()
  }
}

/** What `event` does to the active set of `service`. */
export const directiveFor = (event: TenantEvent, service: string): Directive => {
  const received = "payload" in event ? event.payload.service_name : service
  return received === service ? directiveOf(event) : ignore(received)
}

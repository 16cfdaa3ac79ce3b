/**
 * What deciding needs of an event, in an object of one shape. The shapes that parsing
 * makes die with each full collection of garbage, and whatever was compiled for them
 * with them: so only the decoder and this look at them, and the payload is let go.
 */
import type { TenantId } from "../Tenant.js"
import type { TenantEvent, TenantEventType } from "./eventSchema.js"

export interface EventSummary {
  readonly eventType: TenantEventType
  readonly tenantId: TenantId
  readonly eventId: string | undefined
  readonly environment: string | undefined
  /** The service that it is about; `undefined` where it is about the tenant as such. */
  readonly service: string | undefined
}

export const summaryOf = (event: TenantEvent): EventSummary => ({
  eventType: event.event_type,
  tenantId: event.tenant_id,
  eventId: event.event_id ?? undefined,
  environment: event.environment ?? undefined,
  service: serviceOf(event)
})

const serviceOf = (event: TenantEvent): string | undefined => {
  switch (event.event_type) {
    case "tenant.suspended":
    case "tenant.deleted":
    case "tenant.activated":
    case "tenant.created":
    case "tenant.updated":
      return undefined
    case "tenant.service.associated":
    case "tenant.service.reactivated":
    case "tenant.service.disassociated":
    case "tenant.service.suspended":
    case "tenant.service.purged":
    case "tenant.credentials.rotated":
    case "tenant.connections.updated":
    case "tenant.cache.invalidate":
      return event.payload.service_name
  }
}

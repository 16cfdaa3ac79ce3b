/**
 * What the tenant manager publishes: the events, their decoding, and what each asks
 * of the active set of one service.
 */
import { Either } from "effect"
import { decodeEvent, Refused } from "./internal/decodeEvent.js"
import type { TenantEvent, TenantEventType, Undecodable } from "./internal/eventSchema.js"
import type { TenantId } from "./Tenant.js"

export {
  type TenantEvent,
  TenantEventSchema,
  type TenantEventType,
  type Undecodable
} from "./internal/eventSchema.js"

/** Decodes one raw message. Never throws, whatever the input. */
export const decode = (raw: string): Either.Either<TenantEvent, Undecodable> => {
  const decoded = decodeEvent(raw)
  return decoded instanceof Refused ? Either.left(decoded.why) : Either.right(decoded)
}

/** Which event it was that told. */
export interface EventCause {
  readonly _tag: "Event"
  readonly eventType: TenantEventType
  readonly eventId: string | undefined
}

/** Why what is known of a tenant's connections is out of date. */
export type ConnectionsReason = "CredentialsRotated" | "ConnectionsUpdated" | "CacheInvalidated"

/** What an event asks of the active set of one service. */
export type Directive =
  | { readonly _tag: "Add"; readonly tenantId: TenantId; readonly cause: EventCause }
  | { readonly _tag: "Remove"; readonly tenantId: TenantId; readonly cause: EventCause }
  | {
      readonly _tag: "ChangeConnections"
      readonly tenantId: TenantId
      readonly reason: ConnectionsReason
    }
  | { readonly _tag: "Update"; readonly tenantId: TenantId }
  /** Nothing by itself, but it may bring tenants back that only a list can tell. */
  | { readonly _tag: "Relist"; readonly tenantId: TenantId }
  /** `receivedService`: the service that it is about, where that is not ours. */
  | { readonly _tag: "Ignore"; readonly receivedService: string | undefined }

const nothing: Directive = { _tag: "Ignore", receivedService: undefined }

const causeOf = (event: TenantEvent): EventCause => ({
  _tag: "Event",
  eventType: event.event_type,
  eventId: event.event_id ?? undefined
})

/** What an event asks of the service that it is about. */
const asked = (event: TenantEvent): Directive => {
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
      return nothing
  }
}

/** The service that an event is about; `undefined` where it is about the tenant as such. */
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

/** The table of the contract: what `event` does to the active set of `service`. Total. */
export const directiveFor = (event: TenantEvent, service: string): Directive => {
  const about = serviceOf(event)
  return about === undefined || about === service
    ? asked(event)
    : { _tag: "Ignore", receivedService: about }
}

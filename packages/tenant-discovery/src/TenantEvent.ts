/**
 * What the tenant manager publishes: the events, their decoding, and what each asks
 * of the active set of one service.
 */
import { Either } from "effect"
import { decodeEvent, Refused } from "./internal/decodeEvent.js"
import { type EventSummary, summaryOf } from "./internal/eventSummary.js"
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

const causeOf = ({ eventId, eventType }: EventSummary): EventCause => ({
  _tag: "Event",
  eventType,
  eventId
})

/** What an event asks of the service that it is about. */
const asked = (event: EventSummary): Directive => {
  const { tenantId } = event
  switch (event.eventType) {
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

/** The table of the contract: what an event does to the active set of `service`. Total. */
export const directiveOf = (event: EventSummary, service: string): Directive =>
  event.service === undefined || event.service === service
    ? asked(event)
    : { _tag: "Ignore", receivedService: event.service }

/** The same of a whole event. */
export const directiveFor = (event: TenantEvent, service: string): Directive =>
  directiveOf(summaryOf(event), service)

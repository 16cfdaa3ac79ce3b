/**
 * The contract of the events: the fields that the library reads, with their names on the wire.
 * `null` means absent, because Go encodes a nil slice or map as `null`.
 *
 * Only `event_type`, `tenant_id`, `environment` and `payload.service_name` decide what an
 * event does. A wrong value in another field does not make the event invalid.
 */
import { Either, Schema } from "effect"
import { TenantId } from "../../Tenant.js"

/** Decoded as `null` where it is not a string. */
const text = Schema.optional(
  Schema.NullOr(Schema.String).annotations({ decodingFallback: () => Either.right(null) })
)

const envelope = {
  tenant_id: TenantId.schema,
  event_id: text,
  timestamp: text,
  tenant_slug: text,
  environment: Schema.optional(Schema.NullOr(Schema.String))
}

/** An event about one service of a tenant. */
const ServiceEvent = Schema.Struct({
  event_type: Schema.Literal(
    "tenant.service.associated",
    "tenant.service.reactivated",
    "tenant.service.disassociated",
    "tenant.service.suspended",
    "tenant.service.purged",
    "tenant.credentials.rotated",
    "tenant.connections.updated",
    "tenant.cache.invalidate"
  ),
  ...envelope,
  payload: Schema.Struct({ service_name: Schema.NonEmptyString })
})

/** An event about the tenant as a whole. */
const WholeTenantEvent = Schema.Struct({
  event_type: Schema.Literal(
    "tenant.suspended",
    "tenant.deleted",
    "tenant.activated",
    "tenant.created",
    "tenant.updated"
  ),
  ...envelope
})

/** Every event type of the contract. */
export const TenantEventSchema = Schema.Union(ServiceEvent, WholeTenantEvent).annotations({
  identifier: "TenantEvent"
})

/** An event of the contract. */
export type TenantEvent = typeof TenantEventSchema.Type

export type TenantEventType = TenantEvent["event_type"]

/** The names of the event types. */
export const eventTypes: ReadonlySet<string> = new Set(
  TenantEventSchema.members.flatMap(({ fields }) => fields.event_type.literals)
)

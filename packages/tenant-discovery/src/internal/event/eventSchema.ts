/**
 * The declared contract of the events: the envelope, the event types and their
 * payloads. Field names are the wire's. `null` stands for absent, since Go encodes a
 * nil slice or map so. Unknown fields are left out.
 *
 * Only `event_type`, `tenant_id`, `environment` and `payload.service_name` decide
 * what an event does. Every other field is an annotation and never refuses the event.
 */
import { Either, Schema } from "effect"
import { TenantId } from "../../Tenant.js"

/** Decoded as `null` where it is not a text. */
const text = Schema.optional(
  Schema.NullOr(Schema.String).annotations({ decodingFallback: () => Either.right(null) })
)

/** A field of a payload that decides nothing: its value is not checked. */
const annotation = Schema.optional(Schema.Unknown)

const poolSettings = {
  max_open_conns: annotation,
  max_idle_conns: annotation,
  statement_timeout: annotation
}

const envelope = {
  tenant_id: TenantId.schema,
  event_id: text,
  timestamp: text,
  tenant_slug: text,
  environment: Schema.optional(Schema.NullOr(Schema.String))
}

const serviceEvent = <const Type extends string, Fields extends Schema.Struct.Fields>(
  type: Type,
  fields: Fields
) =>
  Schema.Struct({
    event_type: Schema.Literal(type),
    ...envelope,
    payload: Schema.Struct({ service_name: Schema.NonEmptyString, ...fields })
  })

const tenantEvent = <const Type extends string>(type: Type) =>
  Schema.Struct({
    event_type: Schema.Literal(type),
    ...envelope,
    payload: Schema.optional(Schema.Unknown)
  })

/** Every event type of the contract. */
export const TenantEventSchema = Schema.Union(
  serviceEvent("tenant.service.associated", {
    isolation_mode: annotation,
    modules: annotation,
    secret_paths: annotation,
    messaging_config: annotation,
    connection_settings: annotation
  }),
  serviceEvent("tenant.service.reactivated", {
    previous_status: annotation,
    re_provisioned: annotation,
    secret_paths: annotation,
    connection_settings: annotation
  }),
  serviceEvent("tenant.service.disassociated", { preserve_data: annotation }),
  serviceEvent("tenant.service.suspended", { previous_status: annotation }),
  serviceEvent("tenant.service.purged", {}),
  serviceEvent("tenant.credentials.rotated", {
    credential_type: annotation,
    new_secret_path: annotation
  }),
  serviceEvent("tenant.connections.updated", { module: annotation, ...poolSettings }),
  serviceEvent("tenant.cache.invalidate", { reason: annotation }),
  tenantEvent("tenant.suspended"),
  tenantEvent("tenant.deleted"),
  tenantEvent("tenant.activated"),
  tenantEvent("tenant.created"),
  tenantEvent("tenant.updated")
).annotations({ identifier: "TenantEvent" })

/** An event of the contract. */
export type TenantEvent = typeof TenantEventSchema.Type

export type TenantEventType = TenantEvent["event_type"]

/** The names of the event types. */
export const eventTypes: ReadonlySet<string> = new Set(
  TenantEventSchema.members.map((member) => member.fields.event_type.literals[0])
)

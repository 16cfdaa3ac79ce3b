/**
 * The declared contract of the events: the envelope, the event types and their
 * payloads. Field names are the wire's. `null` stands for absent, since Go encodes a
 * nil slice or map so. Unknown fields are left out: to keep them doubles the time of a decode.
 *
 * Only `event_type`, `tenant_id`, `environment` and `payload.service_name` decide
 * what an event does. Every other field is an annotation: one with an unexpected
 * value is decoded as `null` and never refuses the event.
 */
import { Either, Schema } from "effect"
import { TenantId } from "../../Tenant.js"

const annotation = <A, I>(schema: Schema.Schema<A, I>) =>
  Schema.optional(Schema.NullOr(schema).annotations({ decodingFallback: () => Either.right(null) }))

const text = annotation(Schema.String)
const count = annotation(Schema.Number)
const flag = annotation(Schema.Boolean)

const secretPaths = annotation(
  Schema.Record({
    key: Schema.String,
    value: Schema.Record({ key: Schema.String, value: Schema.String })
  })
)

const poolSettings = {
  max_open_conns: count,
  max_idle_conns: count,
  statement_timeout: text
}

const connectionSettings = annotation(Schema.Struct(poolSettings))

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
    isolation_mode: text,
    modules: annotation(Schema.Array(Schema.String)),
    secret_paths: secretPaths,
    messaging_config: annotation(Schema.Struct({ rabbitmq_secret_path: text })),
    connection_settings: connectionSettings
  }),
  serviceEvent("tenant.service.reactivated", {
    previous_status: text,
    re_provisioned: flag,
    secret_paths: secretPaths,
    connection_settings: connectionSettings
  }),
  serviceEvent("tenant.service.disassociated", { preserve_data: flag }),
  serviceEvent("tenant.service.suspended", { previous_status: text }),
  serviceEvent("tenant.service.purged", {}),
  serviceEvent("tenant.credentials.rotated", { credential_type: text, new_secret_path: text }),
  serviceEvent("tenant.connections.updated", { module: text, ...poolSettings }),
  serviceEvent("tenant.cache.invalidate", { reason: text }),
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

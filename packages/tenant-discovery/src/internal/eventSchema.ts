/**
 * The declared contract of the events: the envelope, the event types and their
 * payloads.
 *
 * Field names are the wire's. `null` stands for absent wherever a field is
 * optional, since Go encodes a nil slice or map so. Unknown fields pass through.
 */
import { Schema } from "effect"
import { TenantId } from "../Tenant.js"

const absent = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(Schema.NullOr(schema))

const text = absent(Schema.String)
const count = absent(Schema.Number)
const flag = absent(Schema.Boolean)

const secretPaths = absent(
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

const connectionSettings = absent(Schema.Struct(poolSettings))

/** A payload of a service-scoped event: the service is what it cannot be without. */
const payload = <Fields extends Schema.Struct.Fields>(fields: Fields) =>
  Schema.Struct({ service_name: Schema.NonEmptyString, ...fields })

const envelope = {
  tenant_id: TenantId.schema,
  event_id: text,
  timestamp: text,
  tenant_slug: text,
  environment: text
}

const serviceEvent = <Type extends string, A, I>(type: Type, body: Schema.Schema<A, I>) =>
  Schema.Struct({ event_type: Schema.Literal(type), ...envelope, payload: body })

const tenantEvent = <Type extends string>(type: Type) =>
  Schema.Struct({
    event_type: Schema.Literal(type),
    ...envelope,
    payload: Schema.optional(Schema.Unknown)
  })

/**
 * Every event type of the contract. This is the declared contract; what decodes
 * at run time is written by hand for speed, and a property test holds the two
 * together.
 */
export const TenantEventSchema = Schema.Union(
  serviceEvent(
    "tenant.service.associated",
    payload({
      isolation_mode: text,
      modules: absent(Schema.Array(Schema.String)),
      secret_paths: secretPaths,
      messaging_config: absent(Schema.Struct({ rabbitmq_secret_path: text })),
      connection_settings: connectionSettings
    })
  ),
  serviceEvent(
    "tenant.service.reactivated",
    payload({
      previous_status: text,
      re_provisioned: flag,
      secret_paths: secretPaths,
      connection_settings: connectionSettings
    })
  ),
  serviceEvent("tenant.service.disassociated", payload({ preserve_data: flag })),
  serviceEvent("tenant.service.suspended", payload({ previous_status: text })),
  serviceEvent("tenant.service.purged", payload({})),
  serviceEvent(
    "tenant.credentials.rotated",
    payload({ credential_type: text, new_secret_path: text })
  ),
  serviceEvent("tenant.connections.updated", payload({ module: text, ...poolSettings })),
  serviceEvent("tenant.cache.invalidate", payload({ reason: text })),
  tenantEvent("tenant.suspended"),
  tenantEvent("tenant.deleted"),
  tenantEvent("tenant.activated"),
  tenantEvent("tenant.created"),
  tenantEvent("tenant.updated")
).annotations({ identifier: "TenantEvent", parseOptions: { onExcessProperty: "preserve" } })

export type TenantEvent = typeof TenantEventSchema.Type

export type TenantEventType = TenantEvent["event_type"]

/** Why a raw message is no event of the contract. `reason` names the place and what was expected there, never the value. */
export type Undecodable =
  | { readonly _tag: "Malformed"; readonly reason: string }
  | { readonly _tag: "UnknownType"; readonly eventType: string; readonly tenantId: TenantId }

/**
 * The fields of the events as data: the decoder makes its checks of it, and the reader of
 * compact messages its expressions of payloads. `eventSchema` declares the same; a property
 * test holds the decoder equal to it, and another the reader to the decoder.
 */
import type { TenantEventType } from "./eventSchema.js"

/** What a field holds where it is there; absent, or `null`, each may be. */
export type Kind =
  | "text"
  | "count"
  | "flag"
  | "texts"
  /** Objects of texts, in an object. */
  | "paths"
  /** An object of these. */
  | Fields

export type Fields = ReadonlyArray<readonly [name: string, kind: Kind]>

/** Beside `event_type` and `tenant_id`, without which it is no event. */
export const envelopeFields: Fields = [
  ["event_id", "text"],
  ["timestamp", "text"],
  ["tenant_slug", "text"],
  ["environment", "text"]
]

const poolSettings: Fields = [
  ["max_open_conns", "count"],
  ["max_idle_conns", "count"],
  ["statement_timeout", "text"]
]

/**
 * The payload's, beside `service_name`; `undefined` of events about the tenant as such, where
 * any payload will do.
 */
const payloadFields: Readonly<Record<TenantEventType, Fields | undefined>> = {
  "tenant.service.associated": [
    ["isolation_mode", "text"],
    ["modules", "texts"],
    ["secret_paths", "paths"],
    ["messaging_config", [["rabbitmq_secret_path", "text"]]],
    ["connection_settings", poolSettings]
  ],
  "tenant.service.reactivated": [
    ["previous_status", "text"],
    ["re_provisioned", "flag"],
    ["secret_paths", "paths"],
    ["connection_settings", poolSettings]
  ],
  "tenant.service.disassociated": [["preserve_data", "flag"]],
  "tenant.service.suspended": [["previous_status", "text"]],
  "tenant.service.purged": [],
  "tenant.credentials.rotated": [
    ["credential_type", "text"],
    ["new_secret_path", "text"]
  ],
  "tenant.connections.updated": [["module", "text"], ...poolSettings],
  "tenant.cache.invalidate": [["reason", "text"]],
  "tenant.suspended": undefined,
  "tenant.deleted": undefined,
  "tenant.activated": undefined,
  "tenant.created": undefined,
  "tenant.updated": undefined
}

const isType = (name: string): name is TenantEventType => Object.hasOwn(payloadFields, name)

/**
 * What `make` makes of each type and its payload's fields, by the type's name. The type that
 * it is handed is the one instance of that text, so that comparing types compares pointers.
 */
export const byType = <A>(
  make: (eventType: TenantEventType, fields: Fields | undefined) => A
): ReadonlyMap<string, A> =>
  new Map(
    Object.keys(payloadFields)
      .filter(isType)
      .map((eventType) => [eventType, make(eventType, payloadFields[eventType])])
  )

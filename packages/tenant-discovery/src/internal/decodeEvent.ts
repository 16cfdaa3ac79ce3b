/**
 * The event decoder, by hand: on a busy channel a schema a message costs as much
 * as everything else together (16 us instead of 8). `TenantEventSchema` stays the
 * declared contract; a property test holds the two equal.
 */
import { TenantId } from "../Tenant.js"
import { conforms } from "./eventGuards.js"
import type { TenantEvent, TenantEventType, Undecodable } from "./eventSchema.js"

/** Says what was expected, or nothing where the value is right. */
type Check = (value: unknown) => string | undefined

type JsonObject = { [key: string]: unknown }

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || value === null ? undefined : check(value)

const isText: Check = (value) => (typeof value === "string" ? undefined : "a string")

const text: Check = optional(isText)
const count: Check = optional((value) => (typeof value === "number" ? undefined : "a number"))
const flag: Check = optional((value) => (typeof value === "boolean" ? undefined : "a boolean"))

const texts: Check = optional((value) =>
  Array.isArray(value) && value.every((item) => typeof item === "string")
    ? undefined
    : "an array of strings"
)

const everyValue = (value: unknown, check: (item: unknown) => boolean): boolean =>
  isObject(value) && Object.values(value).every(check)

const secretPaths: Check = optional((value) =>
  everyValue(value, (module) => everyValue(module, (path) => typeof path === "string"))
    ? undefined
    : "an object of objects of strings"
)

type Fields = ReadonlyArray<readonly [name: string, check: Check]>

const checkFields = (value: JsonObject, fields: Fields, path: string): string | undefined => {
  for (const [name, check] of fields) {
    const expected = check(value[name])
    if (expected !== undefined) return `${path}${name}: expected ${expected}`
  }
  return undefined
}

const object = (fields: Fields): Check =>
  optional((value) => {
    if (!isObject(value)) return "an object"
    const wrong = checkFields(value, fields, "")
    return wrong === undefined ? undefined : `an object with ${wrong}`
  })

const poolSettings: Fields = [
  ["max_open_conns", count],
  ["max_idle_conns", count],
  ["statement_timeout", text]
]

const connectionSettings = object(poolSettings)

interface KnownType {
  /** The one instance of the text, so that comparing types compares pointers. */
  readonly eventType: TenantEventType
  /** The payload's fields beside `service_name`; `undefined` for events about the tenant as such. */
  readonly fields: Fields | undefined
}

const known: ReadonlyMap<string, KnownType> = new Map(
  (
    [
      [
        "tenant.service.associated",
        [
          ["isolation_mode", text],
          ["modules", texts],
          ["secret_paths", secretPaths],
          ["messaging_config", object([["rabbitmq_secret_path", text]])],
          ["connection_settings", connectionSettings]
        ]
      ],
      [
        "tenant.service.reactivated",
        [
          ["previous_status", text],
          ["re_provisioned", flag],
          ["secret_paths", secretPaths],
          ["connection_settings", connectionSettings]
        ]
      ],
      ["tenant.service.disassociated", [["preserve_data", flag]]],
      ["tenant.service.suspended", [["previous_status", text]]],
      ["tenant.service.purged", []],
      [
        "tenant.credentials.rotated",
        [
          ["credential_type", text],
          ["new_secret_path", text]
        ]
      ],
      ["tenant.connections.updated", [["module", text], ...poolSettings]],
      ["tenant.cache.invalidate", [["reason", text]]],
      ["tenant.suspended", undefined],
      ["tenant.deleted", undefined],
      ["tenant.activated", undefined],
      ["tenant.created", undefined],
      ["tenant.updated", undefined]
    ] satisfies ReadonlyArray<readonly [TenantEventType, Fields | undefined]>
  ).map(([eventType, fields]) => [eventType, { eventType, fields }])
)

const envelope: Fields = [
  ["event_id", text],
  ["timestamp", text],
  ["tenant_slug", text],
  ["environment", text]
]

/** What a message is in place of an event. */
export class Refused {
  constructor(readonly why: Undecodable) {}
}

const malformed = (reason: string): Refused => new Refused({ _tag: "Malformed", reason })

const checkPayload = (payload: unknown, fields: Fields): string | undefined => {
  if (!isObject(payload)) return "payload: expected an object"
  const service = payload["service_name"]
  if (typeof service !== "string" || service === "") {
    return "payload.service_name: expected a non-empty string"
  }
  return checkFields(payload, fields, "payload.")
}

const whatIsWrong = (event: JsonObject, fields: Fields | undefined): string | undefined =>
  checkFields(event, envelope, "") ??
  (fields === undefined ? undefined : checkPayload(event["payload"], fields))

/** The tables above check every field that the type names; the property test holds them to the schema. */
const isRight = (event: unknown, wrong: string | undefined): event is TenantEvent =>
  event !== undefined && wrong === undefined

/** The event, or why it is none. Without an `Either` around it, which costs as much as the checks. */
export const decodeEvent = (raw: string): TenantEvent | Refused => {
  let event: unknown
  try {
    event = JSON.parse(raw)
  } catch {
    return malformed("expected JSON")
  }
  if (!isObject(event)) return malformed("expected a JSON object")
  const given = event["event_type"]
  if (typeof given !== "string" || given === "") {
    return malformed("event_type: expected a non-empty string")
  }
  const tenant = event["tenant_id"]
  const tenantId = typeof tenant === "string" ? TenantId.canonical(tenant) : undefined
  if (tenantId === undefined) return malformed("tenant_id: expected a valid tenant ID")
  const type = known.get(given)
  if (type === undefined) {
    const wrong = checkFields(event, envelope, "")
    return wrong === undefined
      ? new Refused({ _tag: "UnknownType", eventType: given, tenantId })
      : malformed(wrong)
  }
  event["tenant_id"] = tenantId
  event["event_type"] = type.eventType
  if (conforms(event, type.eventType)) return event
  const wrong = whatIsWrong(event, type.fields)
  return isRight(event, wrong) ? event : malformed(wrong ?? "expected an event")
}

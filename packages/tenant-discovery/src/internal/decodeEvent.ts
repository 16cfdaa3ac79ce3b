/**
 * The event decoder, by hand: on a busy channel a schema a message costs as much
 * as everything else together (16 us instead of 8). `TenantEventSchema` stays the
 * declared contract; a property test holds the two equal.
 */
import { TenantId } from "../Tenant.js"
import { byType, envelopeFields, type Fields, type Kind } from "./eventFields.js"
import type { TenantEvent, Undecodable } from "./eventSchema.js"

type JsonObject = { [key: string]: unknown }

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isText = (value: unknown): value is string => typeof value === "string"

const everyValue = (value: unknown, check: (item: unknown) => boolean): boolean => {
  if (!isObject(value)) return false
  for (const key in value) if (!check(value[key])) return false
  return true
}

const areTexts = (value: unknown): boolean => everyValue(value, isText)

/** What was expected, or nothing where the value is of that kind. */
const expected = (value: unknown, kind: Kind): string | undefined => {
  switch (kind) {
    case "text":
      return isText(value) ? undefined : "a string"
    case "count":
      return typeof value === "number" ? undefined : "a number"
    case "flag":
      return typeof value === "boolean" ? undefined : "a boolean"
    case "texts":
      return Array.isArray(value) && value.every(isText) ? undefined : "an array of strings"
    case "paths":
      return everyValue(value, areTexts) ? undefined : "an object of objects of strings"
    default: {
      if (!isObject(value)) return "an object"
      const wrong = wrongField(value, kind, "")
      return wrong === undefined ? undefined : `an object with ${wrong}`
    }
  }
}

/** The first field that is not of its kind, where it is there at all. */
const wrongField = (value: JsonObject, fields: Fields, path: string): string | undefined => {
  for (const [name, kind] of fields) {
    const field = value[name]
    if (field === undefined || field === null) continue
    const wanted = expected(field, kind)
    if (wanted !== undefined) return `${path}${name}: expected ${wanted}`
  }
  return undefined
}

const known = byType((eventType, fields) => ({ eventType, fields }))

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
  return wrongField(payload, fields, "payload.")
}

const whatIsWrong = (event: JsonObject, fields: Fields | undefined): string | undefined =>
  wrongField(event, envelopeFields, "") ??
  (fields === undefined ? undefined : checkPayload(event["payload"], fields))

/** The table has every field that the type names; the property test holds it to the schema. */
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
    const wrong = wrongField(event, envelopeFields, "")
    return wrong === undefined
      ? new Refused({ _tag: "UnknownType", eventType: given, tenantId })
      : malformed(wrong)
  }
  event["tenant_id"] = tenantId
  event["event_type"] = type.eventType
  const wrong = whatIsWrong(event, type.fields)
  return isRight(event, wrong) ? event : malformed(wrong ?? "expected an event")
}

/**
 * Whether a parsed message conforms to the contract, and nothing more: the tables in
 * `decodeEvent` say what is wrong where it does not. They take 0.5 us a message beside
 * the parse, this 0.2. What it accepts the tables accept, which the property test of the
 * decoder holds.
 */
import type { TenantEvent, TenantEventType } from "./eventSchema.js"

type ScopedType = Exclude<
  TenantEventType,
  "tenant.suspended" | "tenant.deleted" | "tenant.activated" | "tenant.created" | "tenant.updated"
>

type JsonObject = { readonly [key: string]: unknown }

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isAbsent = (value: unknown): boolean => value === undefined || value === null
const isText = (value: unknown): boolean => typeof value === "string" || isAbsent(value)
const isCount = (value: unknown): boolean => typeof value === "number" || isAbsent(value)
const isFlag = (value: unknown): boolean => typeof value === "boolean" || isAbsent(value)

const areTexts = (value: unknown): boolean =>
  isAbsent(value) || (Array.isArray(value) && value.every((item) => typeof item === "string"))

const arePaths = (value: unknown): boolean => {
  if (!isObject(value)) return false
  for (const kind in value) if (typeof value[kind] !== "string") return false
  return true
}

const areSecretPaths = (value: unknown): boolean => {
  if (isAbsent(value)) return true
  if (!isObject(value)) return false
  for (const module in value) if (!arePaths(value[module])) return false
  return true
}

const hasPoolSettings = (value: JsonObject): boolean =>
  isCount(value["max_open_conns"]) &&
  isCount(value["max_idle_conns"]) &&
  isText(value["statement_timeout"])

const areConnectionSettings = (value: unknown): boolean =>
  isAbsent(value) || (isObject(value) && hasPoolSettings(value))

const isMessagingConfig = (value: unknown): boolean =>
  isAbsent(value) || (isObject(value) && isText(value["rabbitmq_secret_path"]))

const hasService = (payload: JsonObject): boolean => {
  const service = payload["service_name"]
  return typeof service === "string" && service !== ""
}

const fieldsConform = (payload: JsonObject, eventType: ScopedType): boolean => {
  switch (eventType) {
    case "tenant.service.associated":
      return (
        isText(payload["isolation_mode"]) &&
        areTexts(payload["modules"]) &&
        areSecretPaths(payload["secret_paths"]) &&
        isMessagingConfig(payload["messaging_config"]) &&
        areConnectionSettings(payload["connection_settings"])
      )
    case "tenant.service.reactivated":
      return (
        isText(payload["previous_status"]) &&
        isFlag(payload["re_provisioned"]) &&
        areSecretPaths(payload["secret_paths"]) &&
        areConnectionSettings(payload["connection_settings"])
      )
    case "tenant.service.disassociated":
      return isFlag(payload["preserve_data"])
    case "tenant.service.suspended":
      return isText(payload["previous_status"])
    case "tenant.service.purged":
      return true
    case "tenant.credentials.rotated":
      return isText(payload["credential_type"]) && isText(payload["new_secret_path"])
    case "tenant.connections.updated":
      return isText(payload["module"]) && hasPoolSettings(payload)
    case "tenant.cache.invalidate":
      return isText(payload["reason"])
  }
}

/** `eventType`, and the tenant's ID, are checked and canonical already. */
export const conforms = (event: JsonObject, eventType: TenantEventType): event is TenantEvent => {
  if (
    !isText(event["event_id"]) ||
    !isText(event["timestamp"]) ||
    !isText(event["tenant_slug"]) ||
    !isText(event["environment"])
  ) {
    return false
  }
  switch (eventType) {
    case "tenant.suspended":
    case "tenant.deleted":
    case "tenant.activated":
    case "tenant.created":
    case "tenant.updated":
      return true
    case "tenant.service.associated":
    case "tenant.service.reactivated":
    case "tenant.service.disassociated":
    case "tenant.service.suspended":
    case "tenant.service.purged":
    case "tenant.credentials.rotated":
    case "tenant.connections.updated":
    case "tenant.cache.invalidate": {
      const payload = event["payload"]
      return isObject(payload) && hasService(payload) && fieldsConform(payload, eventType)
    }
  }
}

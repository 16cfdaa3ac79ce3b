/**
 * From a raw message to an event. A prefilter drops most messages of other services unparsed;
 * one schema decodes the rest. The reason of a refusal never shows a value of the payload.
 */
import { Either, identity, Schema } from "effect"
import { TenantId } from "../../Tenant.js"
import { beginning } from "../beginning.js"
import { eventTypes, type TenantEvent, TenantEventSchema } from "./eventSchema.js"

const NAMES_A_SERVICE = /"service_name"\s*:\s*"[^"]/

const CONCERNS_EVERY_SERVICE =
  /"tenant\.(?:suspended|deleted|activated|created|updated|cache\.invalidate)"/

/**
 * Tells before a message is parsed whether it may concern `service`. It answers `false` only for
 * a message that names a service, has no escape, and holds neither our name nor an event type
 * that concerns every service. So it never answers `false` for one of ours.
 */
export const makePrefilter = (service: string): ((raw: string) => boolean) => {
  // A name that JSON must escape comes with an escape.
  const quoted = `"${service}"`
  return (raw) =>
    raw.includes(quoted) ||
    !NAMES_A_SERVICE.test(raw) ||
    raw.includes("\\") ||
    CONCERNS_EVERY_SERVICE.test(raw)
}

/**
 * Why a raw message is not an event of the contract. `reason` names the field and what was
 * expected; `envelope` holds what identifies the message, as far as it could be read.
 */
export type Undecodable =
  | { readonly _tag: "Malformed"; readonly reason: string; readonly envelope: EnvelopeSummary }
  | { readonly _tag: "UnknownType"; readonly eventType: string; readonly tenantId: TenantId }

/** What identifies a message to its publisher. Texts are cut at 128 characters. */
export interface EnvelopeSummary {
  readonly eventType: string | undefined
  readonly tenantId: string | undefined
  readonly eventId: string | undefined
  /** The names of the payload's fields, at most 16. */
  readonly payloadFields: ReadonlyArray<string>
  /** The length of the message in characters. */
  readonly length: number
}

const MAX_TEXT = 128
const MAX_FIELDS = 16

const decodeEither = Schema.decodeUnknownEither(Schema.parseJson(TenantEventSchema))

/** Decodes one raw message. It never throws: any input gives an event or a reason. */
export const decode = (raw: string): Either.Either<TenantEvent, Undecodable> =>
  // The schema throws where `event_type` is an object that cannot become a text.
  Either.try(() => decodeEither(raw)).pipe(
    Either.flatMap(identity),
    Either.mapLeft(() => undecodable(raw))
  )

type JsonObject = { readonly [key: string]: unknown }

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const textOf = (value: unknown): string | undefined =>
  typeof value === "string" ? beginning(value, MAX_TEXT) : undefined

const undecodable = (raw: string): Undecodable => {
  const json = Either.getOrUndefined(Either.try((): unknown => JSON.parse(raw)))
  const event: JsonObject = isObject(json) ? json : {}
  const { environment, event_id, event_type, payload, tenant_id } = event
  const tenantId = typeof tenant_id === "string" ? TenantId.canonical(tenant_id) : undefined
  const malformed = (reason: string): Undecodable => ({
    _tag: "Malformed",
    reason,
    envelope: {
      eventType: textOf(event_type),
      tenantId: textOf(tenant_id),
      eventId: textOf(event_id),
      payloadFields: isObject(payload)
        ? Object.keys(payload)
            .slice(0, MAX_FIELDS)
            .map((key) => beginning(key, MAX_TEXT))
        : [],
      length: raw.length
    }
  })
  if (json === undefined) return malformed("expected JSON")
  if (!isObject(json)) return malformed("expected a JSON object")
  if (typeof event_type !== "string" || event_type === "") {
    return malformed("event_type: expected a non-empty string")
  }
  if (tenantId === undefined) return malformed("tenant_id: expected a valid tenant ID")
  if (!eventTypes.has(event_type)) {
    return eventTypes.has(event_type.toLowerCase())
      ? malformed(`event_type: expected ${event_type.toLowerCase()}, which differs by case`)
      : { _tag: "UnknownType", eventType: beginning(event_type, MAX_TEXT), tenantId }
  }
  if (environment !== undefined && environment !== null && typeof environment !== "string") {
    return malformed("environment: expected a string")
  }
  return malformed(
    isObject(payload)
      ? "payload.service_name: expected a non-empty string"
      : "payload: expected an object"
  )
}

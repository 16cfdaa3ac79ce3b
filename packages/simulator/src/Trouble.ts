/** What can be made to go wrong in a simulator; also the JSON of `POST /admin/trouble`. */
import * as Schema from "effect/Schema"

const common = {
  /** For how many requests or events; without it until the trouble is cleared. */
  times: Schema.optional(Schema.Int.pipe(Schema.positive()))
}

const http = {
  ...common,
  /** Which requests; without it both. */
  on: Schema.optional(Schema.Literal("list", "connections"))
}

/** Troubles with answers over HTTP. A request meets the first that is active of each kind. */
export const HttpTrouble = Schema.Union(
  Schema.TaggedStruct("Delay", { ...http, millis: Schema.NonNegative }),
  Schema.TaggedStruct("Hang", http),
  Schema.TaggedStruct("Status", {
    ...http,
    status: Schema.Int.pipe(Schema.between(200, 599)),
    body: Schema.optional(Schema.String),
    /** The header's text: seconds or a date. */
    retryAfter: Schema.optional(Schema.String)
  }),
  /** 403 with the contract's body. */
  Schema.TaggedStruct("Suspended", { ...http, status: Schema.Literal("suspended", "purged") }),
  /** 403 without one. */
  Schema.TaggedStruct("Denied", http),
  /** Half of the body, then a proper end: a body that does not parse. */
  Schema.TaggedStruct("TruncatedBody", http),
  /** Half of the body, then RST. */
  Schema.TaggedStruct("ResetInBody", http),
  /** An array, or an object, padded to so many bytes. */
  Schema.TaggedStruct("OversizedBody", { ...http, bytes: Schema.Int.pipe(Schema.positive()) }),
  /** A byte every so many milliseconds. */
  Schema.TaggedStruct("Drip", { ...http, millis: Schema.Positive }),
  Schema.TaggedStruct("WrongContentType", http),
  /** Status 200 with this text. */
  Schema.TaggedStruct("RawBody", { ...http, body: Schema.String }),
  Schema.TaggedStruct("Redirect", { ...http, to: Schema.String }),
  Schema.TaggedStruct("NullList", common),
  Schema.TaggedStruct("EmptyList", common),
  /** Leaves out this fraction of the tenants, the first ones. */
  Schema.TaggedStruct("PartialList", { ...common, drop: Schema.Number.pipe(Schema.between(0, 1)) }),
  /** Null, no objects, and invalid IDs among the tenants. */
  Schema.TaggedStruct("MalformedElements", common),
  /** Tenants that are not active are listed too, each with its status. */
  Schema.TaggedStruct("InactiveElements", common)
)
export type HttpTrouble = typeof HttpTrouble.Type

/** Troubles with events. An event meets the first that is active of each kind. */
export const EventTrouble = Schema.Union(
  /** Not sent at all. */
  Schema.TaggedStruct("Withhold", common),
  /** Sent twice, with the same `event_id`. */
  Schema.TaggedStruct("Duplicate", common),
  /** Sent after the next event. */
  Schema.TaggedStruct("Reorder", common),
  /** Sent as this text, default one that is cut off. */
  Schema.TaggedStruct("Malformed", { ...common, message: Schema.optional(Schema.String) }),
  Schema.TaggedStruct("UnknownType", common),
  Schema.TaggedStruct("OtherEnvironment", { ...common, environment: Schema.String }),
  Schema.TaggedStruct("OtherService", { ...common, service: Schema.String }),
  /** Sent to `tenant-events:{tenantId}` instead. */
  Schema.TaggedStruct("OldChannel", common)
)
export type EventTrouble = typeof EventTrouble.Type

export const Trouble = Schema.Union(HttpTrouble, EventTrouble)
export type Trouble = typeof Trouble.Type

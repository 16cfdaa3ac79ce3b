/** The faults of a simulator; also the JSON of `POST /admin/trouble`. */
import * as Schema from "effect/Schema"

const common = {
  /** The number of affected requests or events. Default: until the fault is cleared. */
  times: Schema.optional(Schema.Int.pipe(Schema.positive()))
}

const http = {
  ...common,
  /** The affected requests. Default: both. */
  on: Schema.optional(Schema.Literal("list", "connections"))
}

/** Faults of HTTP answers. The first active fault of each kind applies to a request. */
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
  /** 403 with the body of a suspended or purged tenant. */
  Schema.TaggedStruct("Suspended", { ...http, status: Schema.Literal("suspended", "purged") }),
  /** 403 with another body. */
  Schema.TaggedStruct("Denied", http),
  /** Half of the body as a complete answer: it does not parse. */
  Schema.TaggedStruct("TruncatedBody", http),
  /** Half of the body, then RST. */
  Schema.TaggedStruct("ResetInBody", http),
  /** An empty array, padded to this many bytes. */
  Schema.TaggedStruct("OversizedBody", { ...http, bytes: Schema.Int.pipe(Schema.positive()) }),
  /** One byte every `millis` milliseconds. */
  Schema.TaggedStruct("Drip", { ...http, millis: Schema.Positive }),
  Schema.TaggedStruct("WrongContentType", http),
  /** Status 200 with this text. */
  Schema.TaggedStruct("RawBody", { ...http, body: Schema.String }),
  Schema.TaggedStruct("Redirect", { ...http, to: Schema.String }),
  Schema.TaggedStruct("NullList", common),
  Schema.TaggedStruct("EmptyList", common),
  /** Omits the first part of the tenants: this fraction. */
  Schema.TaggedStruct("PartialList", { ...common, drop: Schema.Number.pipe(Schema.between(0, 1)) }),
  /** Adds null, other JSON values and invalid IDs to the tenants. */
  Schema.TaggedStruct("MalformedElements", common),
  /** Lists the inactive tenants too, each with its status. */
  Schema.TaggedStruct("InactiveElements", common)
)
export type HttpTrouble = typeof HttpTrouble.Type

/** Faults of events. The first active fault of each kind applies to an event. */
export const EventTrouble = Schema.Union(
  /** Not sent at all. */
  Schema.TaggedStruct("Withhold", common),
  /** Sent twice, with the same `event_id`. */
  Schema.TaggedStruct("Duplicate", common),
  /** Sent after the next event. */
  Schema.TaggedStruct("Reorder", common),
  /** Sent as this text. Default: half of the event. */
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

/**
 * From raw messages to directives: decodes, checks the environment, drops duplicates, and answers
 * what to log. Its only state is the recent event IDs.
 */
import { Either } from "effect"
import type { TenantId } from "../../Tenant.js"
import { beginning } from "../beginning.js"
import { decode, type Undecodable } from "./decode.js"
import { type Directive, directiveFor } from "./directive.js"
import type { TenantEvent, TenantEventType } from "./eventSchema.js"
import { makeRecentEventIds } from "./recentEventIds.js"

/** A message as it came, with the channel that carried it. */
export interface RawMessage {
  readonly raw: string
  readonly channel: string
}

/** An event that concerns the service, and what it does. */
export interface AppliedEvent {
  readonly eventType: TenantEventType
  readonly tenantId: TenantId
  readonly eventId: string | undefined
  /** The publisher's timestamp in milliseconds since the epoch; `NaN` without a readable one. */
  readonly publishedAt: number
  readonly directive: Directive
}

/** What became of a message. */
export type Outcome =
  | "applied"
  | "ignored"
  | "other_environment"
  | "duplicate"
  | "unknown_type"
  | "malformed"

/** A line to log. */
export interface LogLine {
  readonly level: "Debug" | "Info" | "Warning"
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** What came of one message. */
export interface Reading {
  readonly outcome: Outcome
  /** `undefined` unless the outcome is `applied`. */
  readonly event?: AppliedEvent
  readonly log?: LogLine
}

/** A longer ID is not remembered. */
const MAX_EVENT_ID = 256
const MAX_TEXT = 128

const eventIdOf = ({ event_id }: TenantEvent): string | undefined =>
  typeof event_id === "string" && event_id !== "" && event_id.length <= MAX_EVENT_ID
    ? event_id
    : undefined

/** A function that reads one message. It never throws. */
export const makeEventReader = (options: {
  readonly service: string
  readonly environment?: string | undefined
  readonly duplicateWindow: number
}): ((message: RawMessage) => Reading) => {
  const { environment, service } = options
  const isRecent = makeRecentEventIds(options.duplicateWindow)

  const isOurEnvironment = (received: string | null | undefined): boolean =>
    environment === undefined ||
    (received ?? "") === "" ||
    received === environment ||
    received?.trim().toLowerCase() === environment

  return ({ channel, raw }) => {
    const decoded = decode(raw)
    if (Either.isLeft(decoded)) return refused(decoded.left, channel)
    const event = decoded.right
    if (!isOurEnvironment(event.environment)) return { outcome: "other_environment" }
    const directive = directiveFor(event, service)
    if (directive._tag === "Ignore") return ignored(event, directive.receivedService, service)
    const eventId = eventIdOf(event)
    if (eventId !== undefined && isRecent(eventId)) return { outcome: "duplicate" }
    return {
      outcome: "applied",
      event: {
        eventType: event.event_type,
        tenantId: event.tenant_id,
        eventId,
        publishedAt: Date.parse(event.timestamp ?? ""),
        directive
      }
    }
  }
}

const refused = (why: Undecodable, channel: string): Reading => {
  if (why._tag === "UnknownType") {
    return {
      outcome: "unknown_type",
      log: {
        level: "Debug",
        message: "event skipped: unknown type",
        fields: { event_type: why.eventType, tenant_id: why.tenantId, channel }
      }
    }
  }
  const { eventId, eventType, length, payloadFields, tenantId } = why.envelope
  return {
    outcome: "malformed",
    log: {
      level: "Warning",
      message: `event skipped: malformed: ${why.reason}`,
      fields: {
        channel,
        event_type: eventType,
        tenant_id: tenantId,
        event_id: eventId,
        payload_fields: payloadFields.join(" "),
        length
      }
    }
  }
}

/**
 * Warns of a cache invalidation for another service: if its service name is wrong, no list and no
 * other event repairs that.
 */
const ignored = (event: TenantEvent, received: string | undefined, service: string): Reading => {
  if (event.event_type !== "tenant.cache.invalidate") return { outcome: "ignored" }
  return {
    outcome: "ignored",
    log: {
      level: "Warning",
      message: "cache invalidation ignored: it names another service",
      fields: {
        event_type: event.event_type,
        tenant_id: event.tenant_id,
        event_id: eventIdOf(event),
        expected_service_name: service,
        received_service_name: received === undefined ? undefined : beginning(received, MAX_TEXT)
      }
    }
  }
}

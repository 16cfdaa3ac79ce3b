/**
 * From raw messages to directives: decodes, checks the environment, drops duplicates,
 * counts, and says what to log. Holds the recent event IDs; holds no tenant.
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

/** A log line about a message. */
export interface MessageLog {
  readonly level: "Debug" | "Warning"
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** What came of a batch of messages. */
export interface Reading {
  /** The events that concern the service, in their order. */
  readonly events: ReadonlyArray<AppliedEvent>
  readonly outcomes: ReadonlyMap<Outcome, number>
  /** At most 8: a flood of bad messages is not a flood of log lines. */
  readonly logs: ReadonlyArray<MessageLog>
}

interface ReadMessage {
  readonly outcome: Outcome
  readonly event?: AppliedEvent
  readonly log?: MessageLog
}

const MAX_LOGS = 8
/** An ID that is longer is not kept. */
const MAX_EVENT_ID = 256
const MAX_TEXT = 128

const eventIdOf = ({ event_id }: TenantEvent): string | undefined =>
  typeof event_id === "string" && event_id !== "" && event_id.length <= MAX_EVENT_ID
    ? event_id
    : undefined

/** Reads messages in their order. Total: a message that cannot be read costs itself alone. */
export const makeEventReader = (options: {
  readonly service: string
  readonly environment?: string | undefined
  readonly duplicateWindow: number
}): ((messages: ReadonlyArray<RawMessage>) => Reading) => {
  const { environment, service } = options
  const recent = makeRecentEventIds(options.duplicateWindow)

  const isOurEnvironment = (received: string | null | undefined): boolean =>
    environment === undefined ||
    received === undefined ||
    received === null ||
    received === "" ||
    received === environment ||
    received.trim().toLowerCase() === environment

  const readMessage = ({ channel, raw }: RawMessage): ReadMessage => {
    const decoded = decode(raw)
    if (Either.isLeft(decoded)) return refused(decoded.left, channel)
    const event = decoded.right
    if (!isOurEnvironment(event.environment)) return { outcome: "other_environment" }
    const directive = directiveFor(event, service)
    if (directive._tag === "Ignore") return ignored(event, directive.receivedService, service)
    const eventId = eventIdOf(event)
    if (eventId !== undefined && recent.seen(eventId)) return { outcome: "duplicate" }
    return {
      outcome: "applied",
      event: { eventType: event.event_type, tenantId: event.tenant_id, eventId, directive }
    }
  }

  return (messages) => {
    const events: Array<AppliedEvent> = []
    const logs: Array<MessageLog> = []
    const outcomes = new Map<Outcome, number>()
    for (const message of messages) {
      const { event, log, outcome } = readMessage(message)
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      if (event !== undefined) events.push(event)
      if (log !== undefined && logs.length < MAX_LOGS) logs.push(log)
    }
    return { events, outcomes, logs }
  }
}

const refused = (why: Undecodable, channel: string): ReadMessage => {
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

/** No list and no other event repairs a cache invalidation with a wrong service name: it warns. */
const ignored = (
  event: TenantEvent,
  received: string | undefined,
  service: string
): ReadMessage => {
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

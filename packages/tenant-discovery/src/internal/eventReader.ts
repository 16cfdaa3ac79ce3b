/**
 * From raw messages to what they ask of the active set: decoding, environment,
 * duplicates. Keeps no tenant state; never throws.
 */
import { type Directive, directiveOf, type Undecodable } from "../TenantEvent.js"
import { readCompact } from "./compactEvent.js"
import { beginning } from "./beginning.js"
import { decodeEvent, Refused } from "./decodeEvent.js"
import { RecentIds } from "./duplicates.js"
import { type EventSummary, summaryOf } from "./eventSummary.js"
import type { Notice } from "./notice.js"

/** What became of the messages of a batch, by number. */
export interface Tally {
  received: number
  /** About another service, or of no effect. */
  ignored: number
  otherEnvironment: number
  duplicate: number
  unknownType: number
  malformed: number
  applied: number
}

export const emptyTally = (): Tally => ({
  received: 0,
  ignored: 0,
  otherEnvironment: 0,
  duplicate: 0,
  unknownType: 0,
  malformed: 0,
  applied: 0
})

export interface Reading {
  /** The events that concern the service, and what each asks: of the same length, in order. */
  readonly events: ReadonlyArray<EventSummary>
  readonly directives: ReadonlyArray<Directive>
  readonly tally: Tally
  readonly notices: ReadonlyArray<Notice>
}

/** A flood of bad messages must not become a flood of log lines: 223 us each. */
const MAX_NOTICES = 8

/** What is longer is no ID: whoever keeps or logs one keeps little. */
const MAX_EVENT_ID = 256

/** How much of a text from outside a log line takes. */
const MAX_FIELD = 128

const withoutLongId = (event: EventSummary): EventSummary =>
  event.eventId !== undefined && event.eventId.length > MAX_EVENT_ID
    ? { ...event, eventId: undefined }
    : event

const fieldsOf = ({ eventId, eventType, tenantId }: EventSummary): Record<string, string> => ({
  event_type: eventType,
  tenant_id: tenantId,
  ...(eventId === undefined ? {} : { event_id: eventId })
})

export class EventReader {
  private readonly recent: RecentIds

  constructor(
    private readonly service: string,
    private readonly environment: string | undefined,
    duplicateWindow: number
  ) {
    this.recent = new RecentIds(duplicateWindow)
  }

  read(messages: ReadonlyArray<string>): Reading {
    const events: Array<EventSummary> = []
    const directives: Array<Directive> = []
    const notices: Array<Notice> = []
    const tally = emptyTally()
    tally.received = messages.length
    for (const raw of messages) {
      const read = readCompact(raw) ?? decodeEvent(raw)
      if (read instanceof Refused) {
        this.refuse(read.why, tally, notices)
        continue
      }
      const event = withoutLongId("eventType" in read ? read : summaryOf(read))
      const directive = this.admit(event, tally, notices)
      if (directive === undefined) continue
      events.push(event)
      directives.push(directive)
      tally.applied++
    }
    return { events, directives, tally, notices }
  }

  private admit(event: EventSummary, tally: Tally, notices: Array<Notice>): Directive | undefined {
    const { environment, eventId } = event
    if (
      this.environment !== undefined &&
      environment !== this.environment &&
      environment !== undefined &&
      environment !== "" &&
      environment.trim().toLowerCase() !== this.environment
    ) {
      tally.otherEnvironment++
      return undefined
    }
    const directive = directiveOf(event, this.service)
    if (directive._tag === "Ignore") {
      tally.ignored++
      this.misdirected(event, directive.receivedService, notices)
      return undefined
    }
    if (eventId !== undefined && eventId !== "" && this.recent.seen(eventId)) {
      tally.duplicate++
      return undefined
    }
    return directive
  }

  private refuse(undecodable: Undecodable, tally: Tally, notices: Array<Notice>): void {
    if (undecodable._tag === "Malformed") {
      tally.malformed++
      this.note(notices, {
        level: "Warning",
        message: `skipped a malformed event: ${undecodable.reason}`,
        fields: { service: this.service }
      })
      return
    }
    tally.unknownType++
    this.note(notices, {
      level: "Debug",
      message: "skipped an event of an unknown type",
      fields: {
        event_type: beginning(undecodable.eventType, MAX_FIELD),
        tenant_id: undecodable.tenantId
      }
    })
  }

  /** Nothing retries an invalidation that went to the wrong service, so this one type is warned about. */
  private misdirected(
    event: EventSummary,
    receivedService: string | undefined,
    notices: Array<Notice>
  ): void {
    if (event.eventType !== "tenant.cache.invalidate" || receivedService === undefined) return
    this.note(notices, {
      level: "Warning",
      message: "a cache invalidation is about another service",
      fields: {
        ...fieldsOf(event),
        expected_service_name: this.service,
        received_service_name: beginning(receivedService, MAX_FIELD)
      }
    })
  }

  private note(notices: Array<Notice>, notice: Notice): void {
    if (notices.length < MAX_NOTICES) notices.push(notice)
  }
}

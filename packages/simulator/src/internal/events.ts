import { randomUUID } from "node:crypto"
import type { Message } from "./publisher.js"
import { isForEvents, type Troubles } from "./troubles.js"

export interface OutgoingEvent {
  readonly eventType: string
  readonly tenantId: string
  readonly tenantSlug?: string | undefined
  readonly payload?: Readonly<Record<string, unknown>> | undefined
  readonly eventId?: string | undefined
  readonly environment?: string | undefined
}

/** The channels of an event. Without an environment, the tenant's own channel only. */
export type Channels = "environment" | "tenant" | "both"

/** Makes the messages of events and applies the active faults. Call it for one event at a time. */
export class Outbox {
  private kept: ReadonlyArray<Message> = []

  constructor(
    private readonly troubles: Troubles,
    private readonly environment: string | undefined,
    private readonly channels: Channels
  ) {}

  messages(event: OutgoingEvent, now: number): ReadonlyArray<Message> {
    const met = this.troubles.meet(isForEvents)
    const environment = met.OtherEnvironment?.environment ?? event.environment ?? this.environment
    const payload =
      met.OtherService === undefined || event.payload === undefined
        ? event.payload
        : { ...event.payload, service_name: met.OtherService.service }
    const envelope = JSON.stringify({
      event_id: event.eventId ?? `evt-${randomUUID()}`,
      event_type: met.UnknownType === undefined ? event.eventType : "tenant.something.unknown",
      timestamp: new Date(now).toISOString(),
      tenant_id: event.tenantId,
      tenant_slug: event.tenantSlug,
      environment,
      payload
    })
    const message =
      met.Malformed === undefined
        ? envelope
        : (met.Malformed.message ?? envelope.slice(0, Math.floor(envelope.length / 2)))
    if (met.Withhold !== undefined) return []
    const once = this.channelsFor(event.tenantId, met.OldChannel !== undefined).map((channel) => ({
      channel,
      message
    }))
    const sent = met.Duplicate === undefined ? once : [...once, ...once]
    if (met.Reorder !== undefined) {
      this.kept = [...this.kept, ...sent]
      return []
    }
    const kept = this.kept
    this.kept = []
    return [...sent, ...kept]
  }

  private channelsFor(tenantId: string, old: boolean): ReadonlyArray<string> {
    const own = `tenant-events:${tenantId}`
    if (this.environment === undefined || old || this.channels === "tenant") return [own]
    const shared = `tenant-events:${this.environment}:`
    return this.channels === "both" ? [shared, own] : [shared]
  }
}

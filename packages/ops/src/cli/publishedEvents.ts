/** The events that were received and whose change has not been printed yet. */
import { Effect, Either } from "effect"
import { TenantEvent, type TenantId } from "tenant-discovery"

export interface PublishedEvent {
  readonly eventType: string
  /** The publisher's timestamp in milliseconds since the epoch, where it is readable. */
  readonly publishedAt: number | undefined
}

export interface PublishedEvents {
  /** Keeps an event that changes a tenant of the service. Other messages are ignored. */
  readonly record: (raw: string, service: string) => void
  /** The last event of the tenant, unless it is too old to be the cause of a change at `now`. */
  readonly take: (id: TenantId, now: number) => PublishedEvent | undefined
}

/** The discovery applies an event at once; an older one changed nothing. */
const KEPT_MILLIS = 5000
const MAX_KEPT = 10_000

export const makePublishedEvents: Effect.Effect<PublishedEvents> = Effect.map(
  Effect.clock,
  (clock) => {
    const kept = new Map<TenantId, PublishedEvent & { readonly receivedAt: number }>()
    return {
      record: (raw, service) => {
        const decoded = TenantEvent.decode(raw)
        if (Either.isLeft(decoded)) return
        const directive = TenantEvent.directiveFor(decoded.right, service)
        if (directive._tag === "Ignore" || directive._tag === "Relist") return
        if (kept.size >= MAX_KEPT) kept.clear()
        const publishedAt = Date.parse(decoded.right.timestamp ?? "")
        kept.set(directive.tenantId, {
          eventType: decoded.right.event_type,
          publishedAt: Number.isNaN(publishedAt) ? undefined : publishedAt,
          receivedAt: clock.unsafeCurrentTimeMillis()
        })
      },
      take: (id, now) => {
        const event = kept.get(id)
        kept.delete(id)
        return event === undefined || now - event.receivedAt > KEPT_MILLIS ? undefined : event
      }
    }
  }
)

/**
 * A span an applied event, under the name that dashboards know. Made directly on
 * the tracer, without an effect a message, and only where a tracer is installed
 * that somebody can see it in.
 */
import { Context, DefaultServices, Effect, Exit, Option, Tracer } from "effect"
import type { EventSummary } from "./eventSummary.js"

const SPAN = "event.tenant_event_listener.handle_message"

const nobodyLooks = (tracer: Tracer.Tracer): boolean =>
  Context.get(DefaultServices.liveServices, Tracer.Tracer) === tracer

/** Records events on the tracer of whoever asks; `undefined` where nobody would see it. */
export const eventSpans = (
  service: string
): Effect.Effect<((events: ReadonlyArray<EventSummary>) => void) | undefined> =>
  Effect.zipWith(Effect.tracer, Effect.clock, (tracer, clock) =>
    nobodyLooks(tracer)
      ? undefined
      : (events) => {
          const at = clock.unsafeCurrentTimeNanos()
          for (const event of events) record(tracer, service, event, at)
        }
  )

const record = (
  tracer: Tracer.Tracer,
  service: string,
  { eventId, eventType, tenantId }: EventSummary,
  at: bigint
): void => {
  const span = tracer.span(SPAN, Option.none(), Context.empty(), [], at, "consumer")
  span.attribute("event_type", eventType)
  span.attribute("tenant_id", tenantId)
  span.attribute("service", service)
  if (eventId !== undefined) span.attribute("event_id", eventId)
  span.end(at, Exit.void)
}

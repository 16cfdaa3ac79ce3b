/** A span for each applied event. Dashboards refer to its name. */
import { Context, DefaultServices, Effect, Tracer } from "effect"
import type { AppliedEvent } from "./eventReader.js"

const SPAN = "event.tenant_event_listener.handle_message"

export type EventSpans = (events: ReadonlyArray<AppliedEvent>) => Effect.Effect<void>

/** Records spans of events; `undefined` if no tracer is installed that could export them. */
export const makeEventSpans = (service: string): Effect.Effect<EventSpans | undefined> =>
  Effect.map(Effect.tracer, (tracer) =>
    tracer === Context.get(DefaultServices.liveServices, Tracer.Tracer)
      ? undefined
      : (events) => Effect.forEach(events, (event) => recordSpan(service, event), { discard: true })
  )

const recordSpan = (service: string, { eventId, eventType, tenantId }: AppliedEvent) =>
  Effect.useSpan(
    SPAN,
    {
      kind: "consumer",
      root: true,
      attributes: {
        event_type: eventType,
        tenant_id: tenantId,
        service,
        ...(eventId === undefined ? undefined : { event_id: eventId })
      }
    },
    () => Effect.void
  )

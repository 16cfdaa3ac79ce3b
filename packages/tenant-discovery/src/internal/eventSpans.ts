/**
 * A span an applied event, under the name that dashboards know. Made directly on
 * the tracer, without an effect a message, and only where a tracer is installed
 * that somebody can see it in.
 */
import { Context, DefaultServices, Effect, Exit, Option, Tracer } from "effect"
import type { EventLabel } from "./eventReader.js"

const SPAN = "event.tenant_event_listener.handle_message"

const nobodyLooks = (tracer: Tracer.Tracer): boolean =>
  Context.get(DefaultServices.liveServices, Tracer.Tracer) === tracer

export const recordEvents = (
  events: ReadonlyArray<EventLabel>,
  service: string,
  at: bigint
): Effect.Effect<void> =>
  events.length === 0
    ? Effect.void
    : Effect.map(Effect.tracer, (tracer) => {
        if (nobodyLooks(tracer)) return
        for (const event of events) {
          const span = tracer.span(SPAN, Option.none(), Context.empty(), [], at, "consumer")
          span.attribute("event_type", event.event_type)
          span.attribute("tenant_id", event.tenant_id)
          span.attribute("service", service)
          if (typeof event.event_id === "string") span.attribute("event_id", event.event_id)
          span.end(at, Exit.void)
        }
      })

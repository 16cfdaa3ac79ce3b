/** Links a run with the event before it. Both have a trace of their own, which this joins. */
import * as Tracer from "@effect/opentelemetry/Tracer"
import type { SpanContext } from "@opentelemetry/api"
import type { SpanProcessor } from "@opentelemetry/sdk-trace-base"
import { Effect } from "effect"
import { CurrentTenant } from "tenant-discovery"

/** The span that the library records for each event. */
export const EVENT_SPAN = "event.tenant_event_listener.handle_message"

/** The tenants that are remembered; the one whose event is oldest is forgotten first. */
const MAX_TENANTS = 10_000

export interface EventLinks {
  /** For the SDK, beside the processor that exports. */
  readonly processor: SpanProcessor
  /**
   * Links the span of a run with the last event of its tenant. Does nothing for a tenant without an
   * event: one that a list reported.
   */
  readonly linked: <A, E, R>(run: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | CurrentTenant>
}

export const makeEventLinks = (): EventLinks => {
  const lastEvents = new Map<unknown, SpanContext>()
  const link = Effect.flatMap(CurrentTenant, ({ id }) => {
    const event = lastEvents.get(id)
    return event === undefined
      ? Effect.void
      : Effect.linkSpanCurrent(Tracer.makeExternalSpan(event))
  })
  return {
    processor: {
      onStart: () => {},
      // The library ends the span of an event before it changes the view, hence before a run starts.
      onEnd: (span) => {
        if (span.name !== EVENT_SPAN) return
        const tenant = span.attributes["tenant_id"]
        lastEvents.delete(tenant)
        lastEvents.set(tenant, span.spanContext())
        if (lastEvents.size > MAX_TENANTS) lastEvents.delete(lastEvents.keys().next().value)
      },
      forceFlush: () => Promise.resolve(),
      shutdown: () => Promise.resolve()
    },
    linked: (run) => Effect.zipRight(link, run)
  }
}

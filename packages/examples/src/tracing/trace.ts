/** Follows an event through the exported spans. */
import { type SpanContext, SpanKind } from "@opentelemetry/api"
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base"
import { Either } from "effect"
import { EVENT_SPAN } from "./eventLinks.js"

export interface Trace {
  readonly event: ReadableSpan
  /** The run of the worker that is linked with the event. */
  readonly run: ReadableSpan
  /** The HTTP call of the run, at the caller. */
  readonly call: ReadableSpan
  /** The same call, at the server. */
  readonly received: ReadableSpan
}

const isSame = (one: SpanContext | undefined, other: SpanContext): boolean =>
  one?.traceId === other.traceId && one.spanId === other.spanId

export const header = (received: ReadableSpan, name: string): unknown =>
  received.attributes[`http.request.header.${name}`]

/** From a tenant's event to the call of a worker's run; the left side says what is missing. */
export const follow = (
  spans: ReadonlyArray<ReadableSpan>,
  tenant: string,
  worker: string
): Either.Either<Trace, string> => {
  const find = (what: string, wanted: (span: ReadableSpan) => boolean) =>
    Either.fromNullable(spans.find(wanted), () => `${worker} of ${tenant}: no ${what}`)
  const child = (parent: ReadableSpan, kind: SpanKind) => (span: ReadableSpan) =>
    span.kind === kind && isSame(span.parentSpanContext, parent.spanContext())

  return Either.gen(function* () {
    const event = yield* find(
      "event",
      ({ attributes, name }) => name === EVENT_SPAN && attributes["tenant_id"] === tenant
    )
    const run = yield* find(
      "run that is linked with the event",
      ({ attributes, links }) =>
        attributes["worker"] === worker &&
        attributes["tenant_id"] === tenant &&
        links.some(({ context }) => isSame(context, event.spanContext()))
    )
    const call = yield* find("HTTP call of the run", child(run, SpanKind.CLIENT))
    const received = yield* find("request at the server", child(call, SpanKind.SERVER))
    if (received.attributes["tenant_id"] !== tenant) {
      return yield* Either.left(`${worker} of ${tenant}: the baggage has another tenant, or none`)
    }
    return { event, run, call, received }
  })
}

const line = (indent: number, span: ReadableSpan): string => {
  const { spanId, traceId } = span.spanContext()
  const service = String(span.resource.attributes["service.name"])
  return `${" ".repeat(indent)}${span.name} (${service})  trace ${traceId.slice(0, 8)}  span ${spanId}`
}

/** One event and the runs after it, for a person. */
export const describe = (traces: ReadonlyArray<Trace>): ReadonlyArray<string> =>
  traces.flatMap(({ call, event, received, run }, index) => {
    const { event_id, event_type, tenant_id } = event.attributes
    const heading = [
      `message ${String(event_id)} from Redis: ${String(event_type)} ${String(tenant_id)}`,
      line(2, event)
    ]
    return [
      ...(index === 0 ? heading : []),
      `  linked with a run of ${String(run.attributes["worker"])}:`,
      line(4, run),
      line(6, call),
      line(8, received),
      `          traceparent: ${String(header(received, "traceparent"))}`,
      `          baggage: ${String(header(received, "baggage"))}`
    ]
  })

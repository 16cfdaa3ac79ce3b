/**
 * One call to the tenant manager: everything that its endpoints have in common.
 */
import { FetchHttpClient, HttpClient, HttpClientRequest, HttpTraceContext } from "@effect/platform"
import { Context, Duration, Effect, Option, Redacted } from "effect"
import {
  BodyTooLarge,
  CircuitOpen,
  isOutage,
  MalformedBody,
  TimedOut,
  Unavailable
} from "../../TenantManagerError.js"
import { readText } from "./body.js"
import * as CircuitBreaker from "./circuitBreaker.js"
import { excerpt, describeCause, transportCause } from "./sanitize.js"
import { errorOfAnswer } from "./statusError.js"
const TRACE_ID = /^[0-9a-f]{32}$/i
const SPAN_ID = /^[0-9a-f]{16}$/i
/** The trace context, where the span is a real one: a disabled tracer's has no IDs to send. */
const traceHeaders = (span) =>
  TRACE_ID.test(span.traceId) && SPAN_ID.test(span.spanId) ? HttpTraceContext.toHeaders(span) : {}
const urlOf = (base, call) => {
  const url = new URL(base)
  url.pathname = `${base.pathname === "/" ? "" : base.pathname}${call.path}`
  if (call.query !== undefined) url.search = new URLSearchParams(call.query).toString()
  return url
}
/**
 * A client that was built on `fetch` follows redirects unless told otherwise, and
 * the API key would go along.
 */
const withoutRedirects = (effect) =>
  Effect.contextWithEffect((context) => {
    const given = Option.getOrElse(
      Context.getOption(context, FetchHttpClient.RequestInit),
      () => ({})
    )
    return Effect.provideService(effect, FetchHttpClient.RequestInit, {
      ...given,
      redirect: "manual"
    })
  })
const parseJson = (text) =>
  Effect.suspend(() => {
    try {
      const parsed = JSON.parse(text)
      return Effect.succeed(parsed)
    } catch {
      // V8's own message quotes the body.
      return Effect.fail(text.trim() === "" ? "the body is empty" : "the body is not valid JSON")
    }
  })
/** How everything is called: one span, one timeout, one breaker, typed errors without a secret. */
export const makeCaller = (client, settings) => {
  // The span here takes the place of the platform's own, whose attributes are all headers and the
  // whole URL: what a server echoes in a header would end there.
  const scoped = HttpClient.withScope(HttpClient.withTracerDisabledWhen(client, () => true))
  const { base, breaker, service, timeout } = settings
  const attributes = {
    service,
    "http.request.method": "GET",
    "server.address": base.hostname,
    ...(base.port === "" ? {} : { "server.port": Number(base.port) })
  }
  const outage = (operation, error) => {
    const cause = transportCause(error)
    return new Unavailable({
      operation,
      message: `${operation}: no complete answer from ${base.host} (${describeCause(cause)}); is the tenant manager running and reachable from here?`,
      status: undefined,
      retryAfter: undefined,
      cause
    })
  }
  const send = (call, span) =>
    Effect.gen(function* () {
      const { operation } = call
      const url = urlOf(base, call)
      span.attribute("url.path", url.pathname)
      const request = HttpClientRequest.get(url, {
        headers: {
          ...traceHeaders(span),
          accept: "application/json",
          "x-api-key": Redacted.value(settings.apiKey)
        }
      })
      const response = yield* withoutRedirects(scoped.execute(request)).pipe(
        Effect.mapError((error) => outage(operation, error))
      )
      const { status } = response
      span.attribute("http.response.status_code", status)
      if (status < 200 || status > 299) {
        return yield* errorOfAnswer(operation, response, {
          maxRetryAfter: settings.maxRetryAfter
        })
      }
      const malformed = (what, body) =>
        new MalformedBody({
          operation,
          message: `${operation}: ${what}`,
          excerpt:
            body !== undefined && call.showBody
              ? excerpt(body, Redacted.value(settings.apiKey))
              : undefined
        })
      if (status !== 200) {
        return yield* malformed(`expected status 200 with a JSON body, got ${status}`, undefined)
      }
      const text = yield* readText(response, call.limit).pipe(
        Effect.catchTags({
          TooLarge: () =>
            new BodyTooLarge({
              operation,
              message: `${operation}: the body is longer than the ${call.limit} bytes allowed`,
              limit: call.limit
            }),
          Broken: ({ error }) => outage(operation, error)
        })
      )
      return yield* parseJson(text).pipe(
        Effect.flatMap(call.decode),
        Effect.mapError((what) => malformed(what, text))
      )
    })
  return (call) =>
    Effect.useSpan(
      call.spanName,
      { kind: "client", attributes, captureStackTrace: false },
      (span) =>
        Effect.scoped(send(call, span)).pipe(
          Effect.timeoutFail({
            duration: timeout,
            onTimeout: () =>
              new TimedOut({
                operation: call.operation,
                message: `${call.operation}: no complete answer from ${base.host} within ${Duration.format(timeout)}`,
                timeout
              })
          }),
          (effect) =>
            breaker.protect(effect, {
              isOutage,
              refused: (retryAfter) =>
                new CircuitOpen({
                  operation: call.operation,
                  message: `${call.operation}: not sent, after too many outages in a row${
                    retryAfter === undefined
                      ? "; a probe is under way"
                      : `; the next probe is due in ${Duration.format(retryAfter)}`
                  }`,
                  retryAfter
                })
            }),
          Effect.withParentSpan(span),
          Effect.annotateLogs({ service, operation: call.operation })
        )
    )
}
//# sourceMappingURL=call.js.map

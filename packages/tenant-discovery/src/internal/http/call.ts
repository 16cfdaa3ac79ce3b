/**
 * One call to the tenant manager: everything that its endpoints have in common.
 */
// Module by module: the whole of the platform is what a program would wait for at its start.
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpTraceContext from "@effect/platform/HttpTraceContext"
import { Context, Duration, Effect, Either, Option, Redacted, type Tracer } from "effect"
import {
  TenantManagerBodyTooLarge,
  TenantManagerCircuitOpen,
  isOutage,
  TenantManagerMalformedBody,
  type TenantManagerError,
  TenantManagerTimedOut,
  TenantManagerUnavailable
} from "../../TenantManagerError.js"
import { readText } from "./body.js"
import type { CircuitBreaker } from "./circuitBreaker.js"
import { describeCause, excerptOf, transportCause } from "./sanitize.js"
import { errorOfAnswer } from "./statusError.js"

/** One endpoint. */
export interface Call<A> {
  /** What errors, spans and logs call it: the method and the path's template. */
  readonly operation: string
  /** Below the base URL and the prefix: starts with a slash, its segments already escaped. */
  readonly path: string
  /** Escaped here. */
  readonly query?: Readonly<Record<string, string>> | undefined
  readonly spanName: string
  /** Bytes of body that are read at most. */
  readonly limit: number
  /** Whether the start of a malformed body may be shown: not where it may hold a tenant's secrets. */
  readonly showBody: boolean
  /**
   * What parsed JSON means. Fails with a sentence that says what was expected
   * and where, and that repeats no value.
   */
  readonly decode: (body: unknown) => Effect.Effect<A, string>
}

/** What all calls share. */
export interface Settings {
  readonly base: URL
  readonly service: string
  readonly apiKey: Redacted.Redacted
  readonly timeout: Duration.Duration
  readonly maxRetryAfter: Duration.Duration
  readonly breaker: CircuitBreaker
}

export type Caller = <A>(call: Call<A>) => Effect.Effect<A, TenantManagerError>

const TRACE_ID = /^[0-9a-f]{32}$/i
const SPAN_ID = /^[0-9a-f]{16}$/i

/** The trace context, where the span is a real one: a disabled tracer's has no IDs to send. */
const traceHeaders = (span: Tracer.Span): Readonly<Record<string, string>> =>
  TRACE_ID.test(span.traceId) && SPAN_ID.test(span.spanId) ? HttpTraceContext.toHeaders(span) : {}

const urlOf = (base: URL, call: Call<unknown>): URL => {
  const url = new URL(base)
  url.pathname = `${base.pathname === "/" ? "" : base.pathname}${call.path}`
  if (call.query !== undefined) url.search = new URLSearchParams(call.query).toString()
  return url
}

/**
 * A client that was built on `fetch` follows redirects unless told otherwise, and
 * the API key would go along.
 */
const withoutRedirects = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.contextWithEffect((context: Context.Context<R>) => {
    const given = Option.getOrElse(
      Context.getOption(context, FetchHttpClient.RequestInit),
      () => ({})
    )
    return Effect.provideService(effect, FetchHttpClient.RequestInit, {
      ...given,
      redirect: "manual"
    })
  })

/** V8's own message quotes the body, so it is not passed on. */
const parseJson = (text: string): Either.Either<unknown, string> =>
  Either.try({
    try: (): unknown => JSON.parse(text),
    catch: () => (text.trim() === "" ? "the body is empty" : "the body is not valid JSON")
  })

/** A client that was told to fail on a status fails with the answer in the error: it is the answer. */
const answered = (error: HttpClientError.HttpClientError) =>
  error._tag === "ResponseError" && error.reason === "StatusCode"
    ? Effect.succeed(error.response)
    : Effect.fail(error)

/** How everything is called: one span, one timeout, one breaker, typed errors without a secret. */
export const makeCaller = (client: HttpClient.HttpClient, settings: Settings): Caller => {
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

  const outage = (operation: string, error: unknown) => {
    const cause = transportCause(error)
    return new TenantManagerUnavailable({
      operation,
      message: `${operation}: no complete answer from ${base.host} (${describeCause(
        cause
      )}); is the tenant manager running and reachable from here?`,
      status: undefined,
      retryAfter: undefined,
      cause
    })
  }

  const malformed = (operation: string, what: string, excerpt: string | undefined) =>
    new TenantManagerMalformedBody({ operation, message: `${operation}: ${what}`, excerpt })

  /** Sends, and reads the body of a 200. */
  const receive = <A>(call: Call<A>, span: Tracer.Span) =>
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
        Effect.catchAll(answered),
        Effect.mapError((error) => outage(operation, error))
      )
      const { status } = response
      span.attribute("http.response.status_code", status)
      if (status < 200 || status > 299) {
        return yield* errorOfAnswer(operation, response, settings)
      }
      if (status !== 200) {
        const what = `expected status 200 with a JSON body, got ${status}`
        return yield* malformed(operation, what, undefined)
      }
      return yield* readText(response, call.limit).pipe(
        Effect.catchTags({
          TooLarge: () =>
            new TenantManagerBodyTooLarge({
              operation,
              message: `${operation}: the body is longer than the ${call.limit} bytes allowed`,
              limit: call.limit
            }),
          Broken: ({ error }) => outage(operation, error)
        })
      )
    })

  /** By now the connection is free again. Nothing here holds on to the text once it is parsed. */
  const interpret = <A>(
    call: Call<A>,
    text: string
  ): Effect.Effect<A, TenantManagerMalformedBody> => {
    const excerpt = call.showBody ? excerptOf(text, Redacted.value(settings.apiKey)) : undefined
    return Effect.flatMap(parseJson(text), call.decode).pipe(
      Effect.mapError((what) => malformed(call.operation, what, excerpt?.()))
    )
  }

  return (call) =>
    Effect.useSpan(
      call.spanName,
      { kind: "client", attributes, captureStackTrace: false },
      (span) =>
        Effect.scoped(receive(call, span)).pipe(
          Effect.flatMap((text) => interpret(call, text)),
          Effect.timeoutFail({
            duration: timeout,
            onTimeout: () =>
              new TenantManagerTimedOut({
                operation: call.operation,
                message: `${call.operation}: no complete answer from ${base.host} within ${Duration.format(timeout)}`,
                timeout
              })
          }),
          (effect) =>
            breaker.protect(effect, {
              isOutage,
              refused: (retryAfter) =>
                new TenantManagerCircuitOpen({
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

/** One call to the tenant manager: one span, one timeout, one breaker, errors without a secret. */
// Module by module: loading the whole of the platform would delay a program's start.
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpTraceContext from "@effect/platform/HttpTraceContext"
import { Duration, Effect, Either, Redacted, type Tracer } from "effect"
import {
  TenantManagerBodyTooLarge,
  TenantManagerCircuitOpen,
  TenantManagerMalformedBody,
  type TenantManagerError,
  TenantManagerTimedOut,
  TenantManagerUnavailable
} from "../../TenantManagerError.js"
import { headerSecret } from "../config/parse.js"
import { contentCoding, readText } from "./body.js"
import { makeCircuitBreaker } from "./circuitBreaker.js"
import type { ClientSettings } from "./defaults.js"
import { excerptOf, transportCause } from "./sanitize.js"
import { errorOfAnswer } from "./statusError.js"

export interface Endpoint<A> {
  /** Its name in errors, spans and logs: the method and the path's template. */
  readonly operation: string
  readonly spanName: string
  /** The longest body that is read, in bytes. */
  readonly limit: number
  /** Whether an error may show the start of a malformed body: not where it may hold secrets. */
  readonly showBody: boolean
  /** Decodes parsed JSON. The failure says what was expected, and repeats no value. */
  readonly decode: (body: unknown) => Effect.Effect<A, string>
}

const TRACE_ID = /^[0-9a-f]{32}$/i
const SPAN_ID = /^[0-9a-f]{16}$/i

/** The span of a disabled tracer has no IDs to send. */
const traceHeaders = (span: Tracer.Span): Readonly<Record<string, string>> =>
  TRACE_ID.test(span.traceId) && SPAN_ID.test(span.spanId) ? HttpTraceContext.toHeaders(span) : {}

/** V8's own message quotes the body. */
const parseJson = (
  text: string,
  response: HttpClientResponse.HttpClientResponse
): Either.Either<unknown, string> =>
  Either.try({
    try: (): unknown => JSON.parse(text),
    catch: () => {
      const what = text.trim() === "" ? "the body is empty" : "the body is not valid JSON"
      const coding = contentCoding(response)
      return coding === undefined
        ? what
        : `${what}; its content-encoding is ${coding}, though identity was asked for`
    }
  })

/** A client that fails on a status itself fails with the answer in its error. */
const answered = (error: HttpClientError.HttpClientError) =>
  error._tag === "ResponseError" && error.reason === "StatusCode"
    ? Effect.succeed(error.response)
    : Effect.fail(error)

/** A client built on `fetch` would follow redirects, and send the API key along. */
const withoutRedirects = Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" })

/** Calls an endpoint at a path below the prefix, with its segments and query escaped. */
export const makeCaller = <A>(
  client: HttpClient.HttpClient,
  settings: ClientSettings,
  endpoint: Endpoint<A>
): ((path: string) => Effect.Effect<A, TenantManagerError>) => {
  const { apiKey, service, url: base } = settings
  const { limit, operation } = endpoint
  const timeout = Duration.millis(settings.timeout)
  const prefix = `${base.href.replace(/\/$/, "")}${settings.apiPrefix}`
  // The platform's own span would show all headers and the whole URL.
  const scoped = HttpClient.withScope(HttpClient.withTracerDisabledWhen(client, () => true))
  const attributes = {
    service,
    "http.request.method": "GET",
    "server.address": base.hostname,
    ...(base.port === "" ? {} : { "server.port": Number(base.port) })
  }

  const common = (what: string) => ({ operation, message: `${operation}: ${what}` })

  /** `error`: what the transport or the key's effect fails with. */
  const unavailable = (what: string, error: unknown, hint = "") => {
    const cause = transportCause(error)
    return new TenantManagerUnavailable({
      ...common(`${what} (${cause.code ?? cause.name})${hint}`),
      status: undefined,
      retryAfter: undefined,
      cause
    })
  }

  const noAnswer = (error: unknown) =>
    unavailable(
      `no complete answer from ${base.host}`,
      error,
      "; is the tenant manager running and reachable from here?"
    )

  const malformed = (what: string, excerpt: string | undefined) =>
    new TenantManagerMalformedBody({ ...common(what), excerpt })

  const currentKey: Effect.Effect<string, TenantManagerUnavailable> = Redacted.isRedacted(apiKey)
    ? Effect.succeed(Redacted.value(apiKey).trim())
    : apiKey.pipe(
        Effect.mapError((error) => unavailable("the API key cannot be read", error)),
        Effect.flatMap((key) =>
          Either.mapBoth(headerSecret(Redacted.value(key)), {
            onLeft: (expected) =>
              unavailable(`the API key cannot be used: expected ${expected}`, {
                name: "InvalidKey"
              }),
            onRight: Redacted.value
          })
        )
      )

  /** Sends the request, and reads and decodes the body of a 200. */
  const exchange = (path: string, span: Tracer.Span) =>
    Effect.gen(function* () {
      const url = new URL(`${prefix}${path}`)
      span.attribute("url.path", url.pathname)
      const key = yield* currentKey
      const request = HttpClientRequest.get(url, {
        headers: {
          ...traceHeaders(span),
          accept: "application/json",
          "accept-encoding": "identity",
          "x-api-key": key
        }
      })
      const response = yield* withoutRedirects(scoped.execute(request)).pipe(
        Effect.catchAll(answered),
        Effect.mapError(noAnswer)
      )
      const { status } = response
      span.attribute("http.response.status_code", status)
      if (status < 200 || status > 299) {
        return yield* errorOfAnswer(operation, response, settings.maxRetryAfter)
      }
      if (status !== 200) {
        return yield* malformed(`expected status 200 with a JSON body, got ${status}`, undefined)
      }
      const text = yield* readText(response, limit).pipe(
        Effect.catchTags({
          TooLarge: () =>
            new TenantManagerBodyTooLarge({
              ...common(`the body is longer than the ${limit} bytes allowed`),
              limit
            }),
          Broken: ({ error }) => noAnswer(error)
        })
      )
      return yield* parseJson(text, response).pipe(
        Effect.flatMap(endpoint.decode),
        Effect.mapError((what) =>
          malformed(what, endpoint.showBody ? excerptOf(text, key) : undefined)
        )
      )
    })

  const timedOut = () =>
    new TenantManagerTimedOut({
      ...common(`no complete answer from ${base.host} within ${Duration.format(timeout)}`),
      timeout
    })

  const protect = makeCircuitBreaker(settings.circuitBreaker, (retryAfter) => {
    const next =
      retryAfter === undefined
        ? "a probe is in flight"
        : `the next probe is due in ${Duration.format(retryAfter)}`
    return new TenantManagerCircuitOpen({
      ...common(`not sent, after too many outages in a row; ${next}`),
      retryAfter
    })
  })

  return (path) =>
    Effect.useSpan(
      endpoint.spanName,
      { kind: "client", attributes, captureStackTrace: false },
      (span) =>
        Effect.scoped(exchange(path, span)).pipe(
          Effect.timeoutFail({ duration: timeout, onTimeout: timedOut }),
          protect,
          Effect.withParentSpan(span),
          Effect.annotateLogs({ service, operation })
        )
    )
}

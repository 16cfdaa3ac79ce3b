/** One call to the tenant manager: one span, one timeout, one breaker, errors without a secret. */
// Module by module: loading the whole of the platform would delay a program's start.
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpTraceContext from "@effect/platform/HttpTraceContext"
import { Clock, Duration, Effect, Either, Redacted, type Scope, Stream, type Tracer } from "effect"
import {
  TenantManagerBodyTooLarge,
  TenantManagerMalformedBody,
  type TenantManagerError,
  TenantManagerTimedOut,
  TenantManagerUnavailable
} from "../../TenantManagerError.js"
import { headerSecret } from "../config/parse.js"
import { makeCircuitBreaker } from "./circuitBreaker.js"
import type { ClientSettings } from "./defaults.js"
import { excerptOf, transportCause } from "./sanitize.js"
import { parseRetryAfter, statusError } from "./statusError.js"

type Response = HttpClientResponse.HttpClientResponse

export interface Endpoint<A> {
  /** Its name in errors, spans and logs: the method and the path's template. */
  readonly operation: string
  readonly spanName: string
  /** The longest body that is read, in bytes. */
  readonly limit: number
  /** Whether an error may show the start of a malformed body: not where it may hold secrets. */
  readonly showBody: boolean
  /** Learns when the circuit breaker opens, and when it closes. */
  readonly showCircuit: (isOpen: boolean) => void
  /** Decodes parsed JSON. The failure says what was expected, and repeats no value. */
  readonly decode: (body: unknown) => Effect.Effect<A, string>
}

/** Enough for every error body of the contract; of a longer one only the status counts. */
const ERROR_BODY_LIMIT = 64 * 1024
/** The limit for reading a body that changes nothing, so that the connection can be reused. */
const DRAIN_TIMEOUT = "1 second"

const TRACE_PARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-/i

/** The span of a disabled tracer has no IDs to send. */
const traceHeaders = (span: Tracer.Span): Readonly<Record<string, string>> => {
  const headers = HttpTraceContext.toHeaders(span)
  return TRACE_PARENT.test(headers["traceparent"] ?? "") ? headers : {}
}

/** The content coding, when it is another than `identity`. */
const contentCoding = ({ headers }: Response): string | undefined => {
  const coding = headers["content-encoding"]?.trim().toLowerCase() ?? ""
  return coding === "" || coding === "identity" ? undefined : coding
}

/** In bytes; 0 where it is unknown, as it is for a body with a content coding. */
const announcedLength = (response: Response): number => {
  const length = response.headers["content-length"] ?? ""
  return /^\d+$/.test(length) && contentCoding(response) === undefined ? Number(length) : 0
}

/** `broken`: the connection was lost before the body was complete. */
interface BodyErrors<E> {
  readonly tooLarge: () => E
  readonly broken: (error: unknown) => E
}

/**
 * The body as text (UTF-8, without a byte order mark), read to its end but never past `limit`
 * bytes. The caller closes the connection.
 */
const readText = <E>(
  response: Response,
  limit: number,
  { broken, tooLarge }: BodyErrors<E>
): Effect.Effect<string, E> =>
  Effect.suspend(() => {
    const announced = announcedLength(response)
    if (announced > limit) return Effect.failSync(tooLarge)
    const decoder = new TextDecoder()
    let length = 0
    let text = ""
    return response.stream.pipe(
      Stream.mapError(broken),
      Stream.runForEach((bytes) => {
        length += bytes.length
        if (length > limit) return Effect.failSync(tooLarge)
        text += decoder.decode(bytes, { stream: true })
        return Effect.void
      }),
      Effect.filterOrFail(
        // A stream whose connection was lost before it was read may end without an error.
        () => length >= announced,
        () => broken({ name: "IncompleteBody" })
      ),
      Effect.map(() => text + decoder.decode())
    )
  })

/** V8's own message quotes the body. */
const parseJson = (text: string, coding: string | undefined): Either.Either<unknown, string> =>
  Either.try({
    try: (): unknown => JSON.parse(text),
    catch: () => {
      const what = text.trim() === "" ? "the body is empty" : "the body is not valid JSON"
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
  const { apiKey, maxRetryAfter, service, url: base } = settings
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

  const broken = (error: unknown): TenantManagerError =>
    unavailable(
      `no complete answer from ${base.host}`,
      error,
      "; is the tenant manager running and reachable from here?"
    )

  const malformed = (what: string, excerpt?: string) =>
    new TenantManagerMalformedBody({ ...common(what), excerpt })

  const usable = (key: Redacted.Redacted) =>
    Either.mapBoth(headerSecret(Redacted.value(key)), {
      onLeft: (expected) =>
        unavailable(`the API key cannot be used: expected ${expected}`, { name: "InvalidKey" }),
      onRight: Redacted.value
    })

  const currentKey: Effect.Effect<string, TenantManagerError> = Redacted.isRedacted(apiKey)
    ? usable(apiKey)
    : apiKey.pipe(
        Effect.mapError((error) => unavailable("the API key cannot be read", error)),
        Effect.flatMap(usable)
      )

  /** Fails with what the status means. */
  const refused = (response: Response) =>
    Effect.gen(function* () {
      const { headers, status } = response
      const now = yield* Clock.currentTimeMillis
      const retryAfter = parseRetryAfter(headers["retry-after"], now)
      const errorFor = (text: string) =>
        statusError(operation, { status, text, retryAfter }, maxRetryAfter)
      const tooLarge = () => errorFor("")
      const body = readText(response, ERROR_BODY_LIMIT, { tooLarge, broken })
      if (status === 403) return yield* Effect.fail(errorFor(yield* body))
      yield* Effect.ignore(Effect.timeoutOption(body, DRAIN_TIMEOUT))
      return yield* Effect.fail(errorFor(""))
    })

  /** Sends the request, and reads and decodes the body of a 200. */
  const exchange = (path: string): Effect.Effect<A, TenantManagerError, Scope.Scope> =>
    Effect.gen(function* () {
      const span = yield* Effect.orDie(Effect.currentSpan)
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
        Effect.mapError(broken)
      )
      const { status } = response
      span.attribute("http.response.status_code", status)
      if (status < 200 || status > 299) return yield* refused(response)
      if (status !== 200) {
        return yield* malformed(`expected status 200 with a JSON body, got ${status}`)
      }
      const tooLarge = () =>
        new TenantManagerBodyTooLarge({
          ...common(`the body is longer than the ${limit} bytes allowed`),
          limit
        })
      const text = yield* readText(response, limit, { tooLarge, broken })
      return yield* parseJson(text, contentCoding(response)).pipe(
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

  const protect = makeCircuitBreaker(operation, settings.circuitBreaker, endpoint.showCircuit)

  return (path) =>
    Effect.scoped(exchange(path)).pipe(
      Effect.timeoutFail({ duration: timeout, onTimeout: timedOut }),
      protect,
      Effect.annotateLogs({ service, operation }),
      Effect.withSpan(endpoint.spanName, { kind: "client", attributes, captureStackTrace: false })
    )
}

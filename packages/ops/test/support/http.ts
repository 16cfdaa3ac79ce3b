/** Requests to the endpoints of a test, and the frames of `/events`. */
import { HttpClient, HttpClientRequest, type HttpClientResponse } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { Effect, Layer, Logger, LogLevel, Redacted, Schema, Stream } from "effect"
import type { TenantDiscovery } from "tenant-discovery"
import { TestTenantDiscovery } from "tenant-discovery/testing"
import { TenantOps } from "../../src/index.js"

export const TOKEN = "token-of-the-test"
export const token = Redacted.make(TOKEN)

/** The endpoints over a discovery that the test controls, a client for them, and `besides`. */
export const served = (
  options: TenantOps.TenantOpsOptions = {},
  tenants: ReadonlyArray<string | { id: string; name: string }> = ["acme", "globex"],
  besides: Layer.Layer<never, never, TenantDiscovery> = Layer.empty
) =>
  Layer.mergeAll(
    TenantOps.layer({ port: 0, ...options }),
    NodeHttpClient.layerUndici,
    besides
  ).pipe(
    Layer.provideMerge(TestTenantDiscovery.layer(tenants)),
    Layer.provide(Logger.minimumLogLevel(LogLevel.Fatal)),
    Layer.orDie
  )

interface Request {
  readonly method?: "GET" | "POST" | "DELETE" | "HEAD" | "OPTIONS"
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export const bearer = (value: string) => ({ authorization: `Bearer ${value}` })

export const send = (path: string, { body, headers = {}, method = "GET" }: Request = {}) =>
  Effect.gen(function* () {
    const { url } = yield* TenantOps.TenantOpsServer
    const client = yield* HttpClient.HttpClient
    const request = HttpClientRequest.make(method)(`${url}${path}`, { headers })
    return yield* client.execute(
      body === undefined ? request : HttpClientRequest.bodyText(request, body)
    )
  }).pipe(Effect.orDie)

export const bodyOf = (response: HttpClientResponse.HttpClientResponse) =>
  Effect.orDie(response.json)

/** The status and the JSON of an answer. */
export const ask = (path: string, request?: Request) =>
  Effect.gen(function* () {
    const response = yield* send(path, request)
    const text = yield* Effect.orDie(response.text)
    const json: unknown = text === "" ? undefined : JSON.parse(text)
    return { status: response.status, headers: response.headers, json }
  }).pipe(Effect.scoped)

export interface Frame {
  readonly event: string
  readonly id: string
  readonly data: unknown
}

/** The frame in a text that ends one; none for a comment. */
export const parseFrames = (text: string): ReadonlyArray<Frame> => {
  const fields = new Map(
    text.split("\n").map((line) => {
      const at = line.indexOf(": ")
      return [line.slice(0, at), line.slice(at + 2)] as const
    })
  )
  const event = fields.get("event")
  const data = fields.get("data")
  // A comment has neither.
  if (event === undefined || data === undefined) return []
  return [{ event, id: fields.get("id") ?? "", data: JSON.parse(data) }]
}

/** The frames of an answer as they arrive. */
export const framesOf = (response: HttpClientResponse.HttpClientResponse): Stream.Stream<Frame> =>
  response.stream.pipe(
    Stream.decodeText(),
    Stream.mapAccum("", (rest, text) => {
      const parts = `${rest}${text}`.split("\n\n")
      return [parts.at(-1) ?? "", parts.slice(0, -1)]
    }),
    Stream.flattenIterables,
    Stream.map(parseFrames),
    Stream.flattenIterables,
    Stream.orDie
  )

/** Follows `/events`. */
export const follow = (request?: Request) =>
  Stream.unwrap(Effect.map(send("/events", request), framesOf))

const Tenants = Schema.Struct({ tenants: Schema.Array(Schema.Struct({ id: Schema.String })) })

/** The IDs of a page of `/tenants`, or of a snapshot. */
export const idsOf = (data: unknown): ReadonlyArray<string> =>
  Schema.decodeUnknownSync(Tenants)(data).tenants.map(({ id }) => id)

/** The HTTP client for Node: undici, with proxies, trusted roots, and a retry of lost connections. */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import { makeUndici } from "@effect/platform-node/NodeHttpClient"
import { EnvHttpProxyAgent } from "@effect/platform-node/Undici"
import { Effect, Layer, Redacted, type Scope } from "effect"
import { transportCause } from "./sanitize.js"

export interface TransportOptions {
  /** PEM: the only trusted roots when given. Default: those of Node. */
  readonly caCert?: string | undefined
  /** The URL of a proxy, `http` or `https`. Default: none. */
  readonly proxy?: Redacted.Redacted | undefined
  /** Hosts that are reached without the proxy, with their subdomains, separated by commas. Default: none. */
  readonly noProxy?: string | undefined
}

const makeClient = (
  { caCert, noProxy = "", proxy: proxyUrl }: TransportOptions,
  more: EnvHttpProxyAgent.Options
): Effect.Effect<HttpClient.HttpClient, never, Scope.Scope> => {
  const ca = caCert === undefined ? {} : { ca: caCert }
  // Given an empty text, undici does not read the variables of the process itself.
  const proxy = proxyUrl === undefined ? "" : Redacted.value(proxyUrl)
  const options = { httpProxy: proxy, httpsProxy: proxy, noProxy, connect: ca, requestTls: ca }
  return Effect.acquireRelease(
    Effect.sync(() => new EnvHttpProxyAgent({ ...options, ...more })),
    (agent) => Effect.promise(() => agent.destroy())
  ).pipe(Effect.map(makeUndici))
}

const LOST = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"])

const isUnanswered = (error: HttpClientError.HttpClientError): boolean =>
  error._tag === "RequestError" && LOST.has(transportCause(error).code ?? "")

/**
 * A server may close a kept connection at the moment of a request. A call that got no answer at all
 * is sent once more, on a connection of its own (`pipelining: 0` keeps none): all calls are GETs.
 */
export const layerUndiciClient = (options: TransportOptions): Layer.Layer<HttpClient.HttpClient> =>
  Layer.scoped(
    HttpClient.HttpClient,
    Effect.map(
      Effect.all([makeClient(options, {}), makeClient(options, { pipelining: 0 })]),
      ([kept, fresh]) =>
        HttpClient.transform(kept, (response, request) =>
          Effect.catchIf(response, isUnanswered, () => fresh.execute(request))
        )
    )
  )

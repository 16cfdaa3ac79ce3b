/** The HTTP clients that every test over a real server runs on. */
import { FetchHttpClient, HttpClient, HttpClientError, HttpClientResponse } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { it } from "@effect/vitest"
import { Effect, Redacted, type Scope } from "effect"
import type { YieldWrap } from "effect/Utils"
import { TenantManager, type TenantManagerOptions } from "../../../src/TenantManager.js"

/** Marked, so that a leak of it is found. */
export const API_KEY = "s3cr3t/api+key=MARKED"

type Body = () => Generator<
  YieldWrap<Effect.Effect<unknown, unknown, HttpClient.HttpClient | Scope.Scope>>,
  void,
  never
>

/** Each client, and how to declare a test that runs over it in real time. */
export const clients = Object.entries({
  undici: NodeHttpClient.layerUndici,
  "node:http": NodeHttpClient.layer,
  fetch: FetchHttpClient.layer
}).map(
  ([client, layer]) =>
    [
      client,
      (name: string, body: Body) =>
        it.scopedLive(name, () => Effect.provide(Effect.gen(body), layer))
    ] as const
)

export const optionsFor = (
  url: string | URL,
  options: Partial<TenantManagerOptions> = {}
): TenantManagerOptions => ({
  service: "ledger",
  url,
  apiKey: Redacted.make(API_KEY),
  ...options
})

/** What `run` throws. */
export const thrownBy = (run: () => unknown): unknown => {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error("expected it to throw")
}

/** A client without a network. `answer` gets the URL; its error becomes a transport error. */
export const clientOf = (answer: (url: URL) => Effect.Effect<Response, string>) =>
  HttpClient.make((request, url) =>
    Effect.mapBoth(answer(url), {
      onFailure: (description) =>
        new HttpClientError.RequestError({ request, reason: "Transport", description }),
      onSuccess: (response) => HttpClientResponse.fromWeb(request, response)
    })
  )

/** One listing from a manager of its own. */
export const list = (url: string | URL, options: Partial<TenantManagerOptions> = {}) =>
  Effect.flatMap(TenantManager.make(optionsFor(url, options)), (it) => it.listActiveTenants)

/** The same over this client. */
export const listOver = (
  client: HttpClient.HttpClient,
  url: string | URL = "http://tm.test",
  options?: Partial<TenantManagerOptions>
) => Effect.provideService(list(url, options), HttpClient.HttpClient, client)

/** The HTTP clients that every test over a real server runs on. */
import { FetchHttpClient, type HttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { Duration, Effect, type Layer, Redacted, Schedule } from "effect"
import { TenantManager, type TenantManagerOptions } from "../../../src/TenantManager.js"

/** Marked, so that a leak of it is found. */
export const API_KEY = "s3cr3t/api+key=MARKED"

export const clients: ReadonlyArray<
  readonly [name: string, layer: Layer.Layer<HttpClient.HttpClient>]
> = [
  ["undici", NodeHttpClient.layerUndici],
  ["node:http", NodeHttpClient.layer],
  ["fetch", FetchHttpClient.layer]
]

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

/** One listing from a manager of its own. */
export const list = (url: string | URL, options: Partial<TenantManagerOptions> = {}) =>
  Effect.flatMap(TenantManager.make(optionsFor(url, options)), (it) => it.listActiveTenants)

/** Waits until the condition holds, looking every few milliseconds; fails after five seconds. */
export const eventually = (condition: () => boolean): Effect.Effect<void, string> =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.fail("not yet"))).pipe(
    Effect.retry(Schedule.spaced("5 millis")),
    Effect.timeoutFail({
      duration: Duration.seconds(5),
      onTimeout: () => `never became true: ${condition.toString()}`
    })
  )

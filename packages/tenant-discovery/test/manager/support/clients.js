/**
 * The HTTP clients that every test over a real server runs on, and their short hands.
 */
import { FetchHttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { Duration, Effect, Redacted, Schedule } from "effect"
import { TenantManager } from "../../../src/TenantManager.js"
/** Marked, so that it is found wherever it should not be. */
export const API_KEY = "s3cr3t/api+key=MARKED"
export const clients = [
  ["undici", NodeHttpClient.layerUndici],
  ["node:http", NodeHttpClient.layer],
  ["fetch", FetchHttpClient.layer]
]
export const optionsFor = (url, options = {}) => ({
  service: "ledger",
  url,
  apiKey: Redacted.make(API_KEY),
  ...options
})
/** One listing from a manager of its own. */
export const list = (url, options = {}) =>
  Effect.flatMap(TenantManager.make(optionsFor(url, options)), (it) => it.listActiveTenants)
/** Waits until the condition holds, looking every few milliseconds; fails after five seconds. */
export const eventually = (condition) =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.fail("not yet"))).pipe(
    Effect.retry(Schedule.spaced("5 millis")),
    Effect.timeoutFail({
      duration: Duration.seconds(5),
      onTimeout: () => `never became true: ${condition.toString()}`
    })
  )
//# sourceMappingURL=clients.js.map

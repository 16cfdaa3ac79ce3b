/**
 * The HTTP clients that every test over a real server runs on, and their short hands.
 */
import { type HttpClient } from "@effect/platform"
import { Effect, type Layer } from "effect"
import { type TenantManagerOptions } from "../../../src/TenantManager.js"
/** Marked, so that it is found wherever it should not be. */
export declare const API_KEY = "s3cr3t/api+key=MARKED"
export declare const clients: ReadonlyArray<
  readonly [name: string, layer: Layer.Layer<HttpClient.HttpClient>]
>
export declare const optionsFor: (
  url: string | URL,
  options?: Partial<TenantManagerOptions>
) => TenantManagerOptions
/** One listing from a manager of its own. */
export declare const list: (
  url: string | URL,
  options?: Partial<TenantManagerOptions>
) => Effect.Effect<
  import("../../../src/TenantManager.js").TenantListing,
  import("../../../src/TenantManagerError.js").TenantManagerError,
  HttpClient.HttpClient
>
/** Waits until the condition holds, looking every few milliseconds; fails after five seconds. */
export declare const eventually: (condition: () => boolean) => Effect.Effect<void, string>
//# sourceMappingURL=clients.d.ts.map

/**
 * Reading a body up to a limit.
 */
import type { HttpClientResponse } from "@effect/platform"
import { Effect } from "effect"
/** The body is longer than the limit: reading stopped. */
export declare class TooLarge {
  readonly _tag = "TooLarge"
}
/** The connection broke before the body was complete. */
export declare class Broken {
  readonly error: unknown
  readonly _tag = "Broken"
  constructor(error: unknown)
}
/**
 * The body as text (UTF-8, without a byte order mark), read to its end but never
 * past `limit` bytes. The connection is the caller's to release.
 */
export declare const readText: (
  response: HttpClientResponse.HttpClientResponse,
  limit: number
) => Effect.Effect<string, TooLarge | Broken>
//# sourceMappingURL=body.d.ts.map

/**
 * What an answer other than 2xx means: the contract's table.
 */
import type { HttpClientResponse } from "@effect/platform"
import { Duration, Effect } from "effect"
import { type TenantManagerError } from "../../TenantManagerError.js"
/**
 * The error that an answer with a status outside 2xx stands for. Its body is read
 * only where it matters, and otherwise drained within a small limit.
 */
export declare const errorOfAnswer: (
  operation: string,
  response: HttpClientResponse.HttpClientResponse,
  options: {
    readonly maxRetryAfter: Duration.Duration
  }
) => Effect.Effect<never, TenantManagerError>
//# sourceMappingURL=statusError.d.ts.map

/**
 * One call to the tenant manager: everything that its endpoints have in common.
 */
import { HttpClient } from "@effect/platform"
import { Duration, Effect, Redacted } from "effect"
import { type TenantManagerError } from "../../TenantManagerError.js"
import * as CircuitBreaker from "./circuitBreaker.js"
/** One endpoint. */
export interface Call<A> {
  /** What errors, spans and logs call it: the method and the path's template. */
  readonly operation: string
  /** Below the base URL and the prefix: starts with a slash, its segments already escaped. */
  readonly path: string
  /** Escaped here. */
  readonly query?: Readonly<Record<string, string>> | undefined
  readonly spanName: string
  /** Bytes of body that are read at most. */
  readonly limit: number
  /** Whether the start of a malformed body may be shown: not where it may hold a tenant's secrets. */
  readonly showBody: boolean
  /**
   * What parsed JSON means. Fails with a sentence that says what was expected
   * and where, and that repeats no value.
   */
  readonly decode: (body: unknown) => Effect.Effect<A, string>
}
/** What all calls share. */
export interface Settings {
  readonly base: URL
  readonly service: string
  readonly apiKey: Redacted.Redacted
  readonly timeout: Duration.Duration
  readonly maxRetryAfter: Duration.Duration
  readonly breaker: CircuitBreaker.CircuitBreaker
}
export type Caller = <A>(call: Call<A>) => Effect.Effect<A, TenantManagerError>
/** How everything is called: one span, one timeout, one breaker, typed errors without a secret. */
export declare const makeCaller: (client: HttpClient.HttpClient, settings: Settings) => Caller
//# sourceMappingURL=call.d.ts.map

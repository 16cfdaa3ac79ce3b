/** One list call of the library, with what it does not keep of the answer. */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { Clock, type Duration, Effect, type Either } from "effect"
import * as diagnostics from "node:diagnostics_channel"
import {
  type TenantListing,
  TenantManager,
  type TenantManagerError,
  type TenantManagerOptions
} from "tenant-discovery"

export interface ListCall {
  /** `undefined` where no answer came. */
  readonly answer: HttpClientResponse.HttpClientResponse | undefined
  readonly result: Either.Either<TenantListing, TenantManagerError>
  readonly took: Duration.Duration
  /** When the answer's headers had arrived, in milliseconds since the epoch. */
  readonly answeredAt: number
  /** How many connections were opened for it. */
  readonly connections: number
}

/** Lists once, as the library does. The HTTP client decides which connection is used. */
export const listOnce = (
  options: TenantManagerOptions
): Effect.Effect<ListCall, never, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const client = yield* HttpClient.HttpClient
    let answer: ListCall["answer"]
    let answeredAt = 0
    let connections = 0
    const watched = HttpClient.tap(client, (response) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        answer = response
        answeredAt = now
      })
    )
    const manager = yield* TenantManager.make(options).pipe(
      Effect.provideService(HttpClient.HttpClient, watched)
    )
    const count = () => {
      connections++
    }
    const [took, result] = yield* Effect.acquireUseRelease(
      Effect.sync(() => diagnostics.subscribe("undici:client:connected", count)),
      () => Effect.timed(Effect.either(manager.listActiveTenants)),
      () => Effect.sync(() => diagnostics.unsubscribe("undici:client:connected", count))
    )
    return { answer, result, took, answeredAt, connections }
  })

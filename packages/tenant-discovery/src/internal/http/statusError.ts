/**
 * What an answer other than 2xx means: the contract's table.
 */
import type { HttpClientResponse } from "@effect/platform"
import { Clock, Duration, Effect } from "effect"
import {
  TenantManagerAccessDenied,
  TenantManagerNotFound,
  TenantManagerRejected,
  TenantManagerSuspended,
  type TenantManagerError,
  TenantManagerUnauthorized,
  TenantManagerUnavailable
} from "../../TenantManagerError.js"
import { readText } from "./body.js"
import { parseRetryAfter } from "./retryAfter.js"
import { transportCause } from "./sanitize.js"

/** Enough for any error body of the contract's; past it, the status alone speaks. */
const ERROR_BODY_LIMIT = 64 * 1024
/** How long a body that changes nothing is waited for, so that the connection can be used again. */
const DRAIN_TIMEOUT = Duration.seconds(1)

const suspendedStatus = (text: string): "suspended" | "purged" | undefined => {
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body !== "object" || body === null) return undefined
    if (Reflect.get(body, "code") !== "TS-SUSPENDED") return undefined
    return Reflect.get(body, "status") === "purged" ? "purged" : "suspended"
  } catch {
    return undefined
  }
}

const drain = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<void> =>
  readText(response, ERROR_BODY_LIMIT).pipe(Effect.timeoutOption(DRAIN_TIMEOUT), Effect.ignore)

/** 403: only the body tells a suspended association from a denied call. */
const forbidden = (
  operation: string,
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<never, TenantManagerError> =>
  readText(response, ERROR_BODY_LIMIT).pipe(
    Effect.catchTags({
      TooLarge: () => Effect.succeed(""),
      Broken: ({ error }) =>
        new TenantManagerUnavailable({
          operation,
          message: `${operation}: the connection broke in the middle of a 403`,
          status: 403,
          retryAfter: undefined,
          cause: transportCause(error)
        })
    }),
    Effect.flatMap((text): Effect.Effect<never, TenantManagerError> => {
      const status = suspendedStatus(text)
      return status === undefined
        ? new TenantManagerAccessDenied({
            operation,
            message: `${operation}: 403, the API key may not do this; ask for access to this service`
          })
        : new TenantManagerSuspended({
            operation,
            message: `${operation}: the association with this service is ${status}`,
            status
          })
    })
  )

/**
 * The error that an answer with a status outside 2xx stands for. Its body is read
 * only where it matters, and otherwise drained within a small limit.
 */
export const errorOfAnswer = (
  operation: string,
  response: HttpClientResponse.HttpClientResponse,
  options: { readonly maxRetryAfter: Duration.Duration }
): Effect.Effect<never, TenantManagerError> => {
  const { status } = response
  if (status === 403) return forbidden(operation, response)
  return drain(response).pipe(
    Effect.zipRight(Clock.currentTimeMillis),
    Effect.flatMap((now): Effect.Effect<never, TenantManagerError> => {
      const retryAfter =
        status === 429 || status === 503
          ? parseRetryAfter(response.headers["retry-after"], now, options.maxRetryAfter)
          : undefined
      if (status === 401) {
        return new TenantManagerUnauthorized({
          operation,
          message: `${operation}: 401, the tenant manager does not accept the API key`
        })
      }
      if (status === 404) {
        return new TenantManagerNotFound({
          operation,
          message: `${operation}: 404, no such tenant, no association with this service, or a wrong base URL or prefix`
        })
      }
      const asked =
        retryAfter === undefined ? "" : `; it asks to wait ${Duration.format(retryAfter)}`
      if (status >= 500) {
        return new TenantManagerUnavailable({
          operation,
          message: `${operation}: the tenant manager answered ${status}${asked}`,
          status,
          retryAfter,
          cause: undefined
        })
      }
      const redirect = status >= 300 && status < 400 ? ", and redirects are not followed" : ""
      return new TenantManagerRejected({
        operation,
        message: `${operation}: the tenant manager answered ${status}${redirect}${asked}`,
        status,
        retryAfter
      })
    })
  )
}

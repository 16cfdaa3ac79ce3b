/** The error that an answer with a status other than 2xx stands for: the contract's table. */
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

/** Enough for every error body of the contract; of a longer one only the status counts. */
const ERROR_BODY_LIMIT = 64 * 1024
/** The limit for reading a body that changes nothing, so that the connection can be reused. */
const DRAIN_TIMEOUT = "1 second"

const suspendedStatus = (text: string): "suspended" | "purged" | undefined => {
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body !== "object" || body === null) return undefined
    const status: unknown = Reflect.get(body, "status")
    if (status === "suspended" || status === "purged") return status
    return Reflect.get(body, "code") === "TS-SUSPENDED" ? "suspended" : undefined
  } catch {
    return undefined
  }
}

/** 403: the body distinguishes a suspended association from a denied call. */
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

/** The wait that a 429 or 503 asks for, capped, and the words for it. */
const waitOf = (
  response: HttpClientResponse.HttpClientResponse,
  now: number,
  cap: number
): { readonly retryAfter: Duration.Duration | undefined; readonly words: string } => {
  const asked =
    response.status === 429 || response.status === 503
      ? parseRetryAfter(response.headers["retry-after"], now)
      : undefined
  if (asked === undefined) return { retryAfter: undefined, words: "" }
  const retryAfter = Duration.millis(Math.min(asked, cap))
  const capped = asked > cap ? `, capped at ${Duration.format(retryAfter)}` : ""
  return { retryAfter, words: `; it asks to wait ${Duration.format(asked)}${capped}` }
}

/** The body is read only where it matters, and otherwise drained up to a small limit. */
export const errorOfAnswer = (
  operation: string,
  response: HttpClientResponse.HttpClientResponse,
  /** The longest believed `Retry-After`, in milliseconds. */
  maxRetryAfter: number
): Effect.Effect<never, TenantManagerError> => {
  const { status } = response
  if (status === 403) return forbidden(operation, response)
  return readText(response, ERROR_BODY_LIMIT).pipe(
    Effect.timeoutOption(DRAIN_TIMEOUT),
    Effect.ignore,
    Effect.zipRight(Clock.currentTimeMillis),
    Effect.flatMap((now): Effect.Effect<never, TenantManagerError> => {
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
      const { retryAfter, words } = waitOf(response, now, maxRetryAfter)
      const redirect = status >= 300 && status < 400 ? ", and redirects are not followed" : ""
      const message = `${operation}: the tenant manager answered ${status}${redirect}${words}`
      return status >= 500
        ? new TenantManagerUnavailable({ operation, message, status, retryAfter, cause: undefined })
        : new TenantManagerRejected({ operation, message, status, retryAfter })
    })
  )
}

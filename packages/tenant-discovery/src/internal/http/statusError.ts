/** The error that an answer with a status other than 2xx stands for: the contract's table. */
import type { HttpClientResponse } from "@effect/platform"
import { Clock, Duration, Effect, Option, Schema } from "effect"
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
import { transportCause } from "./sanitize.js"

/** Enough for every error body of the contract; of a longer one only the status counts. */
const ERROR_BODY_LIMIT = 64 * 1024
/** The limit for reading a body that changes nothing, so that the connection can be reused. */
const DRAIN_TIMEOUT = "1 second"

/** The body of a 403 that says that the association is not active. */
const Suspended = Schema.Union(
  Schema.Struct({ status: Schema.Literal("suspended", "purged") }),
  Schema.Struct({ code: Schema.Literal("TS-SUSPENDED") })
)
const decodeSuspended = Schema.decodeOption(Schema.parseJson(Suspended))

/** A date begins with the name of a day; `Date.parse` alone accepts far more. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /

/**
 * The wait that a server asks for, in milliseconds: a count of seconds, or an HTTP date seen from
 * `now` (milliseconds of the wall clock). A date in the past is 0; anything else is `undefined`.
 */
export const parseRetryAfter = (header: string | undefined, now: number): number | undefined => {
  const text = header?.trim() ?? ""
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const at = HTTP_DATE.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}

/**
 * 403: the body distinguishes a suspended association from a denied call. Other bodies are only
 * drained, up to a small limit. `maxRetryAfter`: the longest believed `Retry-After`, in
 * milliseconds.
 */
export const errorOfAnswer = (
  operation: string,
  response: HttpClientResponse.HttpClientResponse,
  maxRetryAfter: number
): Effect.Effect<never, TenantManagerError> =>
  Effect.gen(function* () {
    const { status } = response
    const body = readText(response, ERROR_BODY_LIMIT)
    const common = (what: string) => ({ operation, message: `${operation}: ${what}` })
    if (status === 403) {
      const text = yield* body.pipe(
        Effect.catchTags({
          TooLarge: () => Effect.succeed(""),
          Broken: ({ error }) =>
            new TenantManagerUnavailable({
              ...common("the connection broke in the middle of a 403"),
              status,
              retryAfter: undefined,
              cause: transportCause(error)
            })
        })
      )
      const suspended = decodeSuspended(text)
      if (Option.isNone(suspended)) {
        return yield* new TenantManagerAccessDenied(
          common("403, the API key may not do this; ask for access to this service")
        )
      }
      const found = "status" in suspended.value ? suspended.value.status : "suspended"
      const what = `the association with this service is ${found}`
      return yield* new TenantManagerSuspended({ ...common(what), status: found })
    }
    yield* Effect.ignore(Effect.timeoutOption(body, DRAIN_TIMEOUT))
    if (status === 401) {
      return yield* new TenantManagerUnauthorized(
        common("401, the tenant manager does not accept the API key")
      )
    }
    if (status === 404) {
      return yield* new TenantManagerNotFound(
        common(
          "404, no such tenant, no association with this service, or a wrong base URL or prefix"
        )
      )
    }
    const asked =
      status === 429 || status === 503
        ? parseRetryAfter(response.headers["retry-after"], yield* Clock.currentTimeMillis)
        : undefined
    const retryAfter = asked === undefined ? asked : Duration.millis(Math.min(asked, maxRetryAfter))
    const what = [
      `the tenant manager answered ${status}`,
      status >= 300 && status < 400 && ", and redirects are not followed",
      asked !== undefined && `; it asks to wait ${Duration.format(asked)}`,
      asked !== undefined &&
        asked > maxRetryAfter &&
        `, capped at ${Duration.format(maxRetryAfter)}`
    ].filter((part) => part !== false)
    const fields = { ...common(what.join("")), status, retryAfter }
    return yield* status >= 500
      ? new TenantManagerUnavailable({ ...fields, cause: undefined })
      : new TenantManagerRejected(fields)
  })

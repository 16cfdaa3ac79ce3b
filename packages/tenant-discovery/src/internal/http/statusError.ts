/** The error that an answer with a status other than 2xx stands for: the contract's table. */
import { Duration, Option, Schema } from "effect"
import {
  TenantManagerAccessDenied,
  TenantManagerNotFound,
  TenantManagerRejected,
  TenantManagerSuspended,
  type TenantManagerError,
  TenantManagerUnauthorized,
  TenantManagerUnavailable
} from "../../TenantManagerError.js"

const Body = Schema.Struct({
  status: Schema.optional(Schema.Unknown),
  code: Schema.optional(Schema.Unknown)
})
const decodeBody = Schema.decodeOption(Schema.parseJson(Body))

/** What the body of a 403 says of an association that is not active. */
const suspendedStatus = (text: string): "suspended" | "purged" | undefined => {
  const { code, status } = Option.getOrElse(decodeBody(text), (): typeof Body.Type => ({}))
  if (status === "suspended" || status === "purged") return status
  return code === "TS-SUSPENDED" ? "suspended" : undefined
}

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

export interface Answer {
  readonly status: number
  /** The body; it matters for 403 alone, where it tells a suspended association from a denied call. */
  readonly text: string
  /** The wait that it asks for, in milliseconds; it matters for 429 and 503 alone. */
  readonly retryAfter: number | undefined
}

/** `maxRetryAfter`: the longest believed wait, in milliseconds. */
export const statusError = (
  operation: string,
  { retryAfter: asked, status, text }: Answer,
  maxRetryAfter: number
): TenantManagerError => {
  const common = (what: string) => ({ operation, message: `${operation}: ${what}` })
  if (status === 401) {
    return new TenantManagerUnauthorized(
      common("401, the tenant manager does not accept the API key")
    )
  }
  if (status === 403) {
    const suspended = suspendedStatus(text)
    return suspended === undefined
      ? new TenantManagerAccessDenied(
          common("403, the API key may not do this; ask for access to this service")
        )
      : new TenantManagerSuspended({
          ...common(`the association with this service is ${suspended}`),
          status: suspended
        })
  }
  if (status === 404) {
    return new TenantManagerNotFound(
      common("404, no such tenant, no association with this service, or a wrong base URL or prefix")
    )
  }
  const isAsked = asked !== undefined && (status === 429 || status === 503)
  const redirect = status >= 300 && status < 400 ? ", and redirects are not followed" : ""
  const wait = isAsked ? `; it asks to wait ${Duration.format(asked)}` : ""
  const cap =
    isAsked && asked > maxRetryAfter ? `, capped at ${Duration.format(maxRetryAfter)}` : ""
  const fields = {
    ...common(`the tenant manager answered ${status}${redirect}${wait}${cap}`),
    status,
    retryAfter: isAsked ? Duration.millis(Math.min(asked, maxRetryAfter)) : undefined
  }
  return status >= 500
    ? new TenantManagerUnavailable({ ...fields, cause: undefined })
    : new TenantManagerRejected(fields)
}

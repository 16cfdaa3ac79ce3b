/**
 * How a call to the tenant manager can fail. One family; every message says what
 * a person can do about it, and none holds a secret.
 */
import { Data, type Duration } from "effect"

interface Common {
  /** What was called: `GET /v1/tenants/active`, say. Never a query, a key or a host's credentials. */
  readonly operation: string
  readonly message: string
}

/** 401: the API key is not accepted. Never retried. */
export class Unauthorized extends Data.TaggedError("Unauthorized")<Common> {}

/** 403 without a status of the association. */
export class AccessDenied extends Data.TaggedError("AccessDenied")<Common> {}

/** 403 with code `TS-SUSPENDED`: the association is not active. */
export class Suspended extends Data.TaggedError("Suspended")<
  Common & { readonly status: "suspended" | "purged" }
> {}

/** 404: no such tenant, or no association with this service. */
export class NotFound extends Data.TaggedError("NotFound")<Common> {}

/**
 * Another answer that is no outage: a 4xx, 429 among them, or a redirect (which is
 * never followed).
 */
export class Rejected extends Data.TaggedError("Rejected")<
  Common & {
    readonly status: number
    /** How long the server asked to wait (429), already capped. */
    readonly retryAfter: Duration.Duration | undefined
  }
> {}

/**
 * An outage: 5xx, refused, reset, name not found. `cause` is what the transport
 * said, cut down to the `name` and the `code` (`ECONNREFUSED`, say) of its error:
 * the error itself would carry the request, and the API key in it.
 */
export class Unavailable extends Data.TaggedError("Unavailable")<
  Common & {
    readonly status: number | undefined
    readonly retryAfter: Duration.Duration | undefined
    readonly cause: unknown
  }
> {}

/** An outage: no complete answer within the timeout. */
export class TimedOut extends Data.TaggedError("TimedOut")<
  Common & { readonly timeout: Duration.Duration }
> {}

/** The body is longer than allowed; reading stopped there. */
export class BodyTooLarge extends Data.TaggedError("BodyTooLarge")<
  Common & { readonly limit: number }
> {}

/**
 * A 2xx that is not what the contract says. `excerpt` is the start of the body, at most
 * 512 bytes without a secret; `undefined` where a body may hold a tenant's own.
 */
export class MalformedBody extends Data.TaggedError("MalformedBody")<
  Common & { readonly excerpt: string | undefined }
> {}

/**
 * The circuit breaker is open after too many outages: nothing was sent.
 * `retryAfter` is the time until the next probe; none while one is under way.
 */
export class CircuitOpen extends Data.TaggedError("CircuitOpen")<
  Common & { readonly retryAfter: Duration.Duration | undefined }
> {}

export type TenantManagerError =
  | Unauthorized
  | AccessDenied
  | Suspended
  | NotFound
  | Rejected
  | Unavailable
  | TimedOut
  | BodyTooLarge
  | MalformedBody
  | CircuitOpen

/** Whether the tenant manager was away, rather than giving an answer: what a retry may mend. */
export const isOutage = (error: TenantManagerError): boolean =>
  error._tag === "Unavailable" || error._tag === "TimedOut" || error._tag === "CircuitOpen"

/** How long the tenant manager asked to be left alone, if it did. Capped where the error was made. */
export const retryAfter = (error: TenantManagerError): Duration.Duration | undefined =>
  error._tag === "Rejected" || error._tag === "Unavailable" || error._tag === "CircuitOpen"
    ? error.retryAfter
    : undefined

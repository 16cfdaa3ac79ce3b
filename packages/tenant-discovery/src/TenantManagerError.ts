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

/** Another answer that is no outage: a 4xx, or a redirect (which is never followed). */
export class Rejected extends Data.TaggedError("Rejected")<
  Common & {
    readonly status: number
    /** How long the server asked to wait (429), already capped. */
    readonly retryAfter: Duration.Duration | undefined
  }
> {}

/** An outage: 5xx, refused, reset, name not found. */
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

/** The body is not what the contract says. `excerpt` has at most 512 bytes and no secret. */
export class MalformedBody extends Data.TaggedError("MalformedBody")<
  Common & { readonly excerpt: string | undefined }
> {}

/** The circuit breaker is open after too many outages: nothing was sent. */
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

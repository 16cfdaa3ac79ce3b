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
export class TenantManagerUnauthorized extends Data.TaggedError(
  "TenantManagerUnauthorized"
)<Common> {}

/** 403 without a status of the association. */
export class TenantManagerAccessDenied extends Data.TaggedError(
  "TenantManagerAccessDenied"
)<Common> {}

/** 403 with code `TS-SUSPENDED`: the association is not active. */
export class TenantManagerSuspended extends Data.TaggedError("TenantManagerSuspended")<
  Common & { readonly status: "suspended" | "purged" }
> {}

/** 404: no such tenant, or no association with this service. */
export class TenantManagerNotFound extends Data.TaggedError("TenantManagerNotFound")<Common> {}

/**
 * Another answer that is no outage: a 4xx, 429 among them, or a redirect (which is
 * never followed).
 */
export class TenantManagerRejected extends Data.TaggedError("TenantManagerRejected")<
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
export class TenantManagerUnavailable extends Data.TaggedError("TenantManagerUnavailable")<
  Common & {
    readonly status: number | undefined
    readonly retryAfter: Duration.Duration | undefined
    readonly cause: unknown
  }
> {}

/** An outage: no complete answer within the timeout. */
export class TenantManagerTimedOut extends Data.TaggedError("TenantManagerTimedOut")<
  Common & { readonly timeout: Duration.Duration }
> {}

/** The body is longer than allowed; reading stopped there. */
export class TenantManagerBodyTooLarge extends Data.TaggedError("TenantManagerBodyTooLarge")<
  Common & { readonly limit: number }
> {}

/**
 * A 2xx that is not what the contract says. `excerpt` is the start of the body, at most
 * 512 bytes without a secret; `undefined` where a body may hold a tenant's own.
 */
export class TenantManagerMalformedBody extends Data.TaggedError("TenantManagerMalformedBody")<
  Common & { readonly excerpt: string | undefined }
> {}

/**
 * The circuit breaker is open after too many outages: nothing was sent.
 * `retryAfter` is the time until the next probe; none while one is under way.
 */
export class TenantManagerCircuitOpen extends Data.TaggedError("TenantManagerCircuitOpen")<
  Common & { readonly retryAfter: Duration.Duration | undefined }
> {}

export type TenantManagerError =
  | TenantManagerUnauthorized
  | TenantManagerAccessDenied
  | TenantManagerSuspended
  | TenantManagerNotFound
  | TenantManagerRejected
  | TenantManagerUnavailable
  | TenantManagerTimedOut
  | TenantManagerBodyTooLarge
  | TenantManagerMalformedBody
  | TenantManagerCircuitOpen

/** Whether the tenant manager was away, rather than giving an answer: what a retry may mend. */
export const isOutage = (error: TenantManagerError): boolean =>
  error._tag === "TenantManagerUnavailable" ||
  error._tag === "TenantManagerTimedOut" ||
  error._tag === "TenantManagerCircuitOpen"

/** How long the tenant manager asked to be left alone, if it did. Capped where the error was made. */
export const retryAfter = (error: TenantManagerError): Duration.Duration | undefined =>
  error._tag === "TenantManagerRejected" ||
  error._tag === "TenantManagerUnavailable" ||
  error._tag === "TenantManagerCircuitOpen"
    ? error.retryAfter
    : undefined

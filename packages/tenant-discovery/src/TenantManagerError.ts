/**
 * The errors of a call to the tenant manager. Every message says what a person can do, and none
 * holds a secret.
 */
import { Data, type Duration } from "effect"

interface Common {
  /** The call, such as `GET /v1/tenants/active`. Never a query, a key or credentials. */
  readonly operation: string
  readonly message: string
}

interface Wait extends Common {
  /** The wait that the server asked for (429, 503), capped at `maxRetryAfter`. */
  readonly retryAfter: Duration.Duration | undefined
}

/** 401: the API key is not accepted. Never retried. */
export class TenantManagerUnauthorized extends Data.TaggedError(
  "TenantManagerUnauthorized"
)<Common> {}

/** 403 whose body has no status of the association. */
export class TenantManagerAccessDenied extends Data.TaggedError(
  "TenantManagerAccessDenied"
)<Common> {}

/** 403 with `status` suspended or purged, or with code `TS-SUSPENDED`: the association is not active. */
export class TenantManagerSuspended extends Data.TaggedError("TenantManagerSuspended")<
  Common & { readonly status: "suspended" | "purged" }
> {}

/** 404: no such tenant, or no association with this service. */
export class TenantManagerNotFound extends Data.TaggedError("TenantManagerNotFound")<Common> {}

/** Another answer that is no outage: a 4xx such as 429, or a redirect, which is never followed. */
export class TenantManagerRejected extends Data.TaggedError("TenantManagerRejected")<
  Wait & { readonly status: number }
> {}

/**
 * An outage: 5xx, refused, reset, name not found, or an API key that cannot be read. `cause` is
 * the `name` and the `code` (`ECONNREFUSED`, say) of the transport's error: the error itself
 * carries the request with the API key.
 */
export class TenantManagerUnavailable extends Data.TaggedError("TenantManagerUnavailable")<
  Wait & { readonly status: number | undefined; readonly cause: unknown }
> {}

/** An outage: no complete answer within the timeout. */
export class TenantManagerTimedOut extends Data.TaggedError("TenantManagerTimedOut")<
  Common & { readonly timeout: Duration.Duration }
> {}

/** The body is longer than `limit` bytes; the rest is not read. */
export class TenantManagerBodyTooLarge extends Data.TaggedError("TenantManagerBodyTooLarge")<
  Common & { readonly limit: number }
> {}

/**
 * A 2xx that differs from the contract. `excerpt` is the start of the body, at most 512 bytes
 * without strings, and empty where the API key is in it; `undefined` where a body may hold a
 * tenant's secrets.
 */
export class TenantManagerMalformedBody extends Data.TaggedError("TenantManagerMalformedBody")<
  Common & { readonly excerpt: string | undefined }
> {}

/**
 * The circuit breaker is open after too many outages: nothing was sent.
 * `retryAfter` is the time until the next probe; `undefined` while one is in flight.
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

/** Whether the tenant manager gave no answer, so that a retry may succeed. */
export const isOutage = (error: TenantManagerError): boolean =>
  error._tag === "TenantManagerUnavailable" ||
  error._tag === "TenantManagerTimedOut" ||
  error._tag === "TenantManagerCircuitOpen"

/** The wait before the next call, where the error has one. */
export const retryAfter = (error: TenantManagerError): Duration.Duration | undefined =>
  "retryAfter" in error ? error.retryAfter : undefined

/**
 * The status of the discovery, as data: for probes, logs and people.
 */
import type { LostCause } from "./TenantEvents.js"
import type { TenantManagerError } from "./TenantManagerError.js"
import type { DiscoveryMode } from "./TenantView.js"

/** All times are milliseconds since the epoch. */
export interface DiscoveryStatus {
  /** The service whose tenants these are; may be empty in single-tenant mode. */
  readonly service: string
  readonly mode: DiscoveryMode
  /** When the mode became this one. */
  readonly since: number
  /** When the last list was applied. */
  readonly lastListedAt: number | undefined
  /** When the last event that concerns this service was applied. */
  readonly lastEventAt: number | undefined
  /** The last error. It stays after the cause is repaired. */
  readonly lastError: DiscoveryError | undefined
  readonly tenantCount: number
  /** Tenants that a list lacks and that stay until another list confirms their removal. */
  readonly awaitingRemoval: number
}

export type DiscoveryError =
  | { readonly _tag: "ListFailed"; readonly at: number; readonly error: TenantManagerError }
  /** A list added tenants and removed none: it has unreadable elements or unknown statuses. */
  | { readonly _tag: "ListIncomplete"; readonly at: number; readonly message: string }
  | { readonly _tag: "SubscriptionLost"; readonly at: number; readonly cause: LostCause }

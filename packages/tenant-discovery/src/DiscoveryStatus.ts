/**
 * How the discovery is doing, as data: for probes, logs and people.
 */
import type { LostCause } from "./TenantEvents.js"
import type { TenantManagerError } from "./TenantManagerError.js"
import type { DiscoveryMode } from "./TenantView.js"

/** All times are milliseconds since the epoch. */
export interface DiscoveryStatus {
  /** The service whose tenants these are; empty in single-tenant mode without a name. */
  readonly service: string
  readonly mode: DiscoveryMode
  /** When the mode became this one. */
  readonly since: number
  /** When the last list that was taken over came in. */
  readonly lastListedAt: number | undefined
  /** When the last event about this service was applied. */
  readonly lastEventAt: number | undefined
  /** The last thing that went wrong, kept after it was mended. */
  readonly lastError: DiscoveryError | undefined
  readonly tenantCount: number
}

export type DiscoveryError =
  | { readonly _tag: "ListFailed"; readonly at: number; readonly error: TenantManagerError }
  | { readonly _tag: "SubscriptionLost"; readonly at: number; readonly cause: LostCause }

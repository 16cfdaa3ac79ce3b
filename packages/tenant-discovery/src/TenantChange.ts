/**
 * Changes of the active set, and their causes.
 */
import type { ConnectionsReason, EventCause } from "./internal/event/directive.js"
import type { Tenant } from "./Tenant.js"

/**
 * Why a tenant left the active set.
 *
 * - `Event`: an event removed it; the cause names the event's type and ID.
 * - `Listing`: a list of the tenant manager no longer has it.
 * - `Forgotten`: the reader is too far behind; the cause is no longer kept.
 */
export type RemovalCause =
  | EventCause
  | { readonly _tag: "Listing" }
  | { readonly _tag: "Forgotten" }

/**
 * A transition of one tenant. `Added` and `Removed` alternate for a tenant.
 *
 * - `ConnectionsChanged`: connection settings that were read before are out of date.
 * - `Updated`: what is known of the tenant is out of date.
 */
export type TenantChange =
  | { readonly _tag: "Added"; readonly tenant: Tenant }
  | { readonly _tag: "Removed"; readonly tenant: Tenant; readonly cause: RemovalCause }
  | {
      readonly _tag: "ConnectionsChanged"
      readonly tenant: Tenant
      readonly reason: ConnectionsReason
    }
  | { readonly _tag: "Updated"; readonly tenant: Tenant }

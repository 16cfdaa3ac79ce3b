/**
 * What changes are told of, and why.
 */
import type { Tenant } from "./Tenant.js"
import type { ConnectionsReason, EventCause } from "./TenantEvent.js"

/**
 * Why a tenant left the active set.
 *
 * - `Event`: an event said so; it names its type and ID.
 * - `Listing`: a list of the tenant manager no longer has it.
 * - `Forgotten`: the reader fell so far behind that the cause is no longer kept.
 */
export type RemovalCause =
  | EventCause
  | { readonly _tag: "Listing" }
  | { readonly _tag: "Forgotten" }

/**
 * A transition of one tenant. `Added` and `Removed` alternate for a tenant.
 * `ConnectionsChanged` says that connection settings held elsewhere are out of
 * date, `Updated` that what is known of the tenant is.
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

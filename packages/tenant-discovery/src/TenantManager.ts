/**
 * The HTTP side of the house: what the tenant manager answers.
 */
import { Context, type Effect } from "effect"
import type { Tenant } from "./Tenant.js"
import type { TenantManagerError } from "./TenantManagerError.js"

/** The active tenants of the service, as one answer of the tenant manager had them. */
export interface TenantListing {
  /** Canonical and without duplicates (the first wins), in the answer's order. */
  readonly tenants: ReadonlyArray<Tenant>
  /** How many elements were passed over because they were null, no object, or had an invalid ID. */
  readonly skipped: number
}

export class TenantManager extends Context.Tag("tenant-discovery/TenantManager")<
  TenantManager,
  {
    /** The service that this client asks for. */
    readonly service: string
    /** `GET {base}{prefix}/tenants/active?service={service}`: one call, no retry of its own. */
    readonly listActiveTenants: Effect.Effect<TenantListing, TenantManagerError>
  }
>() {}

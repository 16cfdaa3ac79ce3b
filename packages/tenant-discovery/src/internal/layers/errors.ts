import { Data, type Duration } from "effect"
import type { TenantId } from "../../Tenant.js"
import type { TenantManagerError } from "../../TenantManagerError.js"

/** The tenant is not in the active set, or has left it: nothing is given out for it. */
export class TenantNotActive extends Data.TaggedError("TenantNotActive")<{
  readonly tenantId: TenantId
  readonly message: string
}> {
  static of(tenantId: TenantId): TenantNotActive {
    return new TenantNotActive({ tenantId, message: `tenant ${tenantId} is not active` })
  }
}

/** As many tenants as allowed hold resources, all of them in use, and none was let go in time. */
export class TenantPoolsExhausted extends Data.TaggedError("TenantPoolsExhausted")<{
  readonly tenantId: TenantId
  readonly maxTenants: number
  readonly waited: Duration.Duration
  readonly message: string
}> {}

/** The layers are closed: the program ends. */
export class TenantLayersClosed extends Data.TaggedError("TenantLayersClosed")<{
  readonly message: string
}> {}

/** What keeps a tenant's layer from being given out, besides what building it fails with. */
export type TenantLayerError =
  | TenantNotActive
  | TenantPoolsExhausted
  | TenantLayersClosed
  | TenantManagerError

/** Why a tenant's resource is not given out, or no longer. */
import { Data, Duration } from "effect"
import type { TenantId } from "../../Tenant.js"
import type { TenantManagerError } from "../../TenantManagerError.js"

/** The tenant is not active: no resource is given out, and work that used one was interrupted. */
export class TenantNotActive extends Data.TaggedError("TenantNotActive")<{
  readonly tenantId: TenantId
  readonly message: string
}> {
  static of(tenantId: TenantId): TenantNotActive {
    return new TenantNotActive({ tenantId, message: `tenant ${tenantId} is not active` })
  }
}

/**
 * The resource was replaced after a rotation, and the work that used the old one outlived
 * `rotationGrace` and was interrupted. Run the work again to use the new one.
 */
export class TenantResourceReplaced extends Data.TaggedError("TenantResourceReplaced")<{
  readonly tenantId: TenantId
  readonly message: string
}> {
  static of(tenantId: TenantId): TenantResourceReplaced {
    return new TenantResourceReplaced({
      tenantId,
      message: `the resource of tenant ${tenantId} was replaced; run the work again`
    })
  }
}

/** As many tenants as allowed hold resources, and none became free in time. */
export class TenantPoolsExhausted extends Data.TaggedError("TenantPoolsExhausted")<{
  readonly tenantId: TenantId
  readonly maxTenants: number
  readonly waited: Duration.Duration
  readonly message: string
}> {}

/** The build took longer than `buildTimeout` and was interrupted. */
export class TenantBuildTimedOut extends Data.TaggedError("TenantBuildTimedOut")<{
  readonly tenantId: TenantId
  readonly timeout: Duration.Duration
  readonly message: string
}> {
  static of(tenantId: TenantId, timeout: Duration.Duration): TenantBuildTimedOut {
    return new TenantBuildTimedOut({
      tenantId,
      timeout,
      message: `the resource of tenant ${tenantId} was not built within ${Duration.format(timeout)}`
    })
  }
}

/**
 * The context holds a service that the pool isolates, such as an open transaction, of
 * another resource, and a layer cannot take it out. `provide` can.
 */
export class TenantNotIsolated extends Data.TaggedError("TenantNotIsolated")<{
  readonly tenantId: TenantId
  readonly service: string
  readonly message: string
}> {
  static of(tenantId: TenantId, service: string): TenantNotIsolated {
    return new TenantNotIsolated({
      tenantId,
      service,
      message: `${service} of another resource would reach the work of tenant ${tenantId}; use \`provide\`, or build the layer outside`
    })
  }
}

/** The layer of the pool is closed. */
export class TenantLayersClosed extends Data.TaggedError("TenantLayersClosed")<{
  readonly message: string
}> {
  static of(pool: string): TenantLayersClosed {
    return new TenantLayersClosed({ message: `${pool}: closed` })
  }
}

/** Why a tenant's layer is not given out, besides the errors of its build. */
export type TenantLayerError =
  | TenantNotActive
  | TenantResourceReplaced
  | TenantPoolsExhausted
  | TenantBuildTimedOut
  | TenantNotIsolated
  | TenantLayersClosed
  | TenantManagerError

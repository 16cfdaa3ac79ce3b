/** Errors for a tenant's resource that is unavailable or is no longer available. */
import { Data, Duration } from "effect"
import type { TenantId } from "../../Tenant.js"
import type { TenantManagerError } from "../../TenantManagerError.js"

/** The tenant is not active: no resource is given out, and work that used one was interrupted. */
export class TenantNotActive extends Data.TaggedError("TenantNotActive")<{
  readonly tenantId: TenantId
}> {
  override readonly message = `tenant ${this.tenantId} is not active`
}

/**
 * The resource was replaced after a rotation, and the work that used the old one outlived
 * `rotationGrace` and was interrupted. Run the work again to use the new one.
 */
export class TenantResourceReplaced extends Data.TaggedError("TenantResourceReplaced")<{
  readonly tenantId: TenantId
}> {
  override readonly message = `the resource of tenant ${this.tenantId} was replaced; run the work again`
}

/** The number of tenants with resources reached `maxTenants`, and no place became free in time. */
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
}> {
  override readonly message = `the resource of tenant ${this.tenantId} was not built within ${Duration.format(this.timeout)}`
}

/**
 * The context contains a service that the pool isolates, such as an open transaction, and
 * the service belongs to another resource. A layer cannot remove it; `provide` can.
 */
export class TenantNotIsolated extends Data.TaggedError("TenantNotIsolated")<{
  readonly tenantId: TenantId
  /** The key of the service's tag. */
  readonly service: string
}> {
  override get message(): string {
    return `${this.service} of another resource would reach the work of tenant ${this.tenantId}; use \`provide\`, or build the layer outside`
  }
}

/** The layer of the pool is closed. */
export class TenantLayersClosed extends Data.TaggedError("TenantLayersClosed")<{
  /** The pool's name. */
  readonly pool: string
}> {
  override readonly message = `${this.pool}: closed`
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

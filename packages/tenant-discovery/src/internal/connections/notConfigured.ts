import { Data } from "effect"
import type { TenantId } from "../../Tenant.js"

export type ConnectionKind = "postgresql" | "mongodb" | "rabbitmq" | "kafka"

/** The tenant has no such connection: in this module, or in any where none was asked for. */
export class TenantConnectionNotConfigured extends Data.TaggedError(
  "TenantConnectionNotConfigured"
)<{
  readonly tenantId: TenantId
  readonly kind: ConnectionKind
  readonly module: string | undefined
  readonly message: string
}> {
  static of(
    tenantId: TenantId,
    kind: ConnectionKind,
    module: string | undefined,
    known: ReadonlyArray<string>
  ): TenantConnectionNotConfigured {
    const where = module === undefined ? "any module" : `module ${JSON.stringify(module)}`
    const others = known.length === 0 ? "it is in none" : `it is in: ${known.join(", ")}`
    return new TenantConnectionNotConfigured({
      tenantId,
      kind,
      module,
      message: `tenant ${tenantId} has no ${kind} in ${where}; ${others}`
    })
  }
}

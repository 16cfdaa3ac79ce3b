/** Tenants as a test writes them. */
import { type Tenant, TenantId } from "../Tenant.js"

/** An ID in any valid spelling, or a tenant. */
export type TenantInput = string | { readonly id: string; readonly name?: string | undefined }

/** @throws RangeError for an invalid ID, with what was expected. */
export const tenantOf = (input: TenantInput): Tenant =>
  typeof input === "string"
    ? { id: TenantId.make(input), name: undefined }
    : { id: TenantId.make(input.id), name: input.name }

/** Canonical, each ID once: the first wins. */
export const tenantsOf = (inputs: Iterable<TenantInput>): ReadonlyArray<Tenant> => {
  const tenants = new Map<TenantId, Tenant>()
  for (const input of inputs) {
    const tenant = tenantOf(input)
    if (!tenants.has(tenant.id)) tenants.set(tenant.id, tenant)
  }
  return [...tenants.values()]
}

/**
 * Whose turn it is in a tick.
 */
import type { Tenant, TenantId } from "../../Tenant.js"

/** The tenants of a tick, in the order of their turns. */
export class Turns {
  private order: ReadonlyArray<Tenant> = []
  private position = 0

  /** How many have not had their turn in this tick. */
  get left(): number {
    return this.order.length - this.position
  }

  /**
   * A new tick over `active`. Where some had no turn in the last one, it begins where
   * that one stopped and goes round; who is new comes last. So nobody starves, however
   * the order of the active tenants changes. Gives how many were left over.
   */
  begin(active: ReadonlyArray<Tenant>): number {
    const left = this.left
    this.order = left === 0 ? active : this.goRound(active)
    this.position = 0
    return left
  }

  next(): Tenant | undefined {
    return this.position < this.order.length ? this.order[this.position++] : undefined
  }

  clear(): void {
    this.order = []
    this.position = 0
  }

  private goRound(active: ReadonlyArray<Tenant>): ReadonlyArray<Tenant> {
    const byId = new Map<TenantId, Tenant>()
    for (const tenant of active) byId.set(tenant.id, tenant)
    const order: Array<Tenant> = []
    for (let i = 0; i < this.order.length; i++) {
      const id = this.order[(this.position + i) % this.order.length]?.id
      const tenant = id === undefined ? undefined : byId.get(id)
      if (tenant === undefined) continue
      order.push(tenant)
      byId.delete(tenant.id)
    }
    for (const tenant of byId.values()) order.push(tenant)
    return order
  }

  /** Those who have not had their turn in this tick. */
  *waiting(): Iterable<Tenant> {
    for (let i = this.position; i < this.order.length; i++) {
      const tenant = this.order[i]
      if (tenant !== undefined) yield tenant
    }
  }
}

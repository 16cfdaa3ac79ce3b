/** Leases of single tenants, for assignments that decide within the process. */
import { Effect, type Scope, type Subscribable, SubscriptionRef } from "effect"
import type { TenantId } from "../../Tenant.js"
import { type AssignmentView, type Lease, TenantNotAssigned } from "./assignmentService.js"

export interface Leases {
  readonly view: Subscribable.Subscribable<AssignmentView>
  readonly hold: (id: TenantId) => Effect.Effect<Lease, TenantNotAssigned, Scope.Scope>
  /** Ends the leases of tenants that are not assigned any more, and tells the readers of `view`. */
  readonly changed: Effect.Effect<void>
  /** How many leases of the tenant are held. */
  readonly held: (id: TenantId) => number
}

interface Held {
  readonly lose: Effect.Effect<unknown>
  lost: boolean
}

export interface LeasesOptions {
  /** Whether the tenant is assigned: a lease is valid as long as this holds. */
  readonly isAssigned: (id: TenantId) => boolean
  /** A cordoned replica gives no new lease; those that are held stay valid. */
  readonly isCordoned: () => boolean
  readonly fenceOf: (id: TenantId) => bigint | undefined
}

export const makeLeases = ({
  fenceOf,
  isAssigned,
  isCordoned
}: LeasesOptions): Effect.Effect<Leases> => {
  const owns = (id: TenantId) => !isCordoned() && isAssigned(id)
  return Effect.map(SubscriptionRef.make<AssignmentView>({ revision: 0, owns }), (view) => {
    const leases = new Map<TenantId, Set<Held>>()

    const hold = (id: TenantId) =>
      Effect.acquireRelease(
        Effect.suspend(() => {
          if (!owns(id)) {
            const message = `tenant ${id} is not assigned to this replica`
            return new TenantNotAssigned({ message, tenantId: id })
          }
          const latch = Effect.unsafeMakeLatch(false)
          const held: Held = { lose: latch.open, lost: false }
          const ofTenant = leases.get(id) ?? new Set()
          leases.set(id, ofTenant.add(held))
          const lease: Lease = {
            tenantId: id,
            fence: fenceOf(id),
            isValid: Effect.sync(() => !held.lost && isAssigned(id)),
            lost: latch.await
          }
          return Effect.succeed({ held, lease })
        }),
        ({ held }) =>
          Effect.sync(() => {
            const ofTenant = leases.get(id)
            ofTenant?.delete(held)
            if (ofTenant?.size === 0) leases.delete(id)
          })
      ).pipe(Effect.map(({ lease }) => lease))

    const changed = Effect.gen(function* () {
      for (const [id, ofTenant] of leases) {
        if (isAssigned(id)) continue
        for (const held of ofTenant) {
          held.lost = true
          yield* held.lose
        }
      }
      yield* SubscriptionRef.update(view, ({ revision }) => ({ revision: revision + 1, owns }))
    })

    return { view, hold, changed, held: (id) => leases.get(id)?.size ?? 0 }
  })
}

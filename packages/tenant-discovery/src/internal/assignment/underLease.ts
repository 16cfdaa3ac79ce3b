/** Work under a lease. */
import { Effect, Option, type Scope } from "effect"
import type { TenantId } from "../../Tenant.js"
import { everyTenant } from "./everyTenant.js"
import type { Lease, TenantAssignmentService } from "./assignmentService.js"

/** The lease of a run that has none yet. */
export const noLease = (tenantId: TenantId): Lease => ({
  tenantId,
  fence: undefined,
  isValid: Effect.succeed(false),
  lost: Effect.void
})

/**
 * Runs `work` with a lease, which is held until the finalizers of `work` have ended. `lost` runs
 * when the lease is lost; without a lease it runs at once, and the work does not begin.
 */
export const underLease = <A, E, R>(
  assignment: TenantAssignmentService,
  id: TenantId,
  lost: Effect.Effect<void>,
  work: (lease: Lease) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, Exclude<R, Scope.Scope>> =>
  Effect.gen(function* () {
    const lease = yield* Effect.option(assignment.hold(id))
    if (Option.isNone(lease)) return yield* Effect.zipRight(lost, Effect.interrupt)
    if (assignment !== everyTenant) {
      yield* Effect.forkScoped(Effect.zipRight(lease.value.lost, lost))
    }
    return yield* Effect.scoped(work(lease.value))
  }).pipe(Effect.scoped)

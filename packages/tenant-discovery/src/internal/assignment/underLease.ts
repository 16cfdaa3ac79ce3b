/** Work under a lease. */
import { Effect, type Scope, Stream } from "effect"
import type { TenantId } from "../../Tenant.js"
import { everyTenant, lastingLease } from "./everyTenant.js"
import type { Lease, TenantAssignmentService } from "./assignmentService.js"

/** The lease of a run that has none yet. */
export const noLease = (tenantId: TenantId): Lease => ({
  tenantId,
  fence: undefined,
  isValid: Effect.succeed(false),
  lost: Effect.void
})

/**
 * Runs `work` with a lease, which is held until the finalizers of `work` have ended. Without a
 * valid lease it runs `refused` in place of `work`. `held` is called with the lease before its
 * validity is checked, so that no loss is missed.
 */
export const underLease = <A, E, R>(
  assignment: TenantAssignmentService,
  id: TenantId,
  work: (lease: Lease) => Effect.Effect<A, E, R>,
  on: { readonly held: (lease: Lease) => void; readonly refused: Effect.Effect<void> }
): Effect.Effect<A, E, Exclude<R, Scope.Scope>> => {
  if (assignment === everyTenant) {
    return Effect.suspend(() => {
      const lease = lastingLease(id)
      on.held(lease)
      return Effect.scoped(work(lease))
    })
  }
  const refused = Effect.zipRight(on.refused, Effect.interrupt)
  // The scope closes in reverse: first what the work acquired, then the lease.
  return Effect.scoped(
    Effect.matchEffect(assignment.hold(id), {
      onFailure: () => refused,
      onSuccess: (lease) => {
        on.held(lease)
        return Effect.flatMap(lease.isValid, (isValid) => (isValid ? work(lease) : refused))
      }
    })
  )
}

/** Calls `lost` for each run whose lease is lost, until the scope closes. */
export const watchLeases = <Run extends { readonly lease?: Lease | undefined }>(
  assignment: TenantAssignmentService,
  running: ReadonlyMap<TenantId, Run>,
  lost: (run: Run) => Effect.Effect<void>
): Effect.Effect<void, never, Scope.Scope> => {
  if (assignment === everyTenant) return Effect.void
  const check = (run: Run) =>
    Effect.flatMap(run.lease?.isValid ?? Effect.succeed(true), (isValid) =>
      isValid ? Effect.void : lost(run)
    )
  // Each loss comes with a change of the assignment.
  return assignment.view.changes.pipe(
    Stream.runForEach(() => Effect.forEach(running.values(), check, { discard: true })),
    Effect.interruptible,
    Effect.forkScoped
  )
}

/** Work under a lease. */
import { Effect, Option, type Scope, Stream } from "effect"
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
 * Runs `work` with a lease, which is held until the finalizers of `work` have ended. Without a
 * valid lease it runs `refused` in place of `work`. `held` is called with the lease before its
 * validity is checked, so that no loss is missed.
 */
export const underLease = <A, E, R>(
  assignment: TenantAssignmentService,
  id: TenantId,
  work: (lease: Lease) => Effect.Effect<A, E, R>,
  on: { readonly held: (lease: Lease) => void; readonly refused: Effect.Effect<void> }
): Effect.Effect<A, E, Exclude<R, Scope.Scope>> =>
  Effect.gen(function* () {
    const lease = yield* Effect.option(assignment.hold(id))
    if (Option.isSome(lease)) on.held(lease.value)
    if (Option.isNone(lease) || !(yield* lease.value.isValid)) {
      return yield* Effect.zipRight(on.refused, Effect.interrupt)
    }
    return yield* Effect.scoped(work(lease.value))
  }).pipe(Effect.scoped)

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

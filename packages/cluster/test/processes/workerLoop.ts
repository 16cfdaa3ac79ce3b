/** A minimal worker: works for the tenants that are assigned, one run after the other for each. */
import { Effect, Fiber, Option, type Scope, Stream } from "effect"
import { TenantAssignment, type Lease, type TenantId } from "tenant-discovery"

/** Runs until it is interrupted. A lost lease interrupts `run`. */
export const workFor = <E, R>(
  tenants: ReadonlyArray<TenantId>,
  run: (lease: Lease) => Effect.Effect<void, E, R | Scope.Scope>
) =>
  Effect.gen(function* () {
    const assignment = yield* TenantAssignment
    const owned = (id: TenantId) =>
      assignment.view.changes.pipe(
        Stream.filter((view) => view.owns(id)),
        Stream.runHead,
        Effect.map(Option.isSome)
      )
    // The scope closes the lease after the run: a race would not wait for it when it is interrupted.
    const runOnce = (id: TenantId) =>
      Effect.gen(function* () {
        const lease = yield* assignment.hold(id)
        const running = yield* Effect.forkScoped(Effect.scoped(run(lease)))
        yield* Effect.raceFirst(Fiber.join(running), lease.lost)
      }).pipe(Effect.scoped)
    yield* Effect.forEach(
      tenants,
      (id) =>
        runOnce(id).pipe(
          Effect.catchTag("TenantNotAssigned", () => owned(id)),
          Effect.forever,
          Effect.forkScoped
        ),
      { discard: true }
    )
    // The last finalizer runs first: it ends all leases before the first fiber is waited for.
    yield* Effect.addFinalizer(() => assignment.cordon)
    yield* Effect.never
  }).pipe(Effect.scoped)

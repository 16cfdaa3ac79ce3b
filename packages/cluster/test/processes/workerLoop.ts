/** A minimal worker: works for the tenants that are assigned, one run after the other for each. */
import { Effect, Option, Stream } from "effect"
import { TenantAssignment, type Lease, type TenantId } from "tenant-discovery"

/** Runs until it is interrupted. A lost lease interrupts `run`. */
export const workFor = <E, R>(
  tenants: ReadonlyArray<TenantId>,
  run: (lease: Lease) => Effect.Effect<void, E, R>
) =>
  Effect.gen(function* () {
    const assignment = yield* TenantAssignment
    // Runs before the fibers are interrupted.
    yield* Effect.addFinalizer(() => assignment.cordon)

    const owned = (id: TenantId) =>
      assignment.view.changes.pipe(
        Stream.filter((view) => view.owns(id)),
        Stream.runHead,
        Effect.map(Option.isSome)
      )
    const runOnce = (id: TenantId) =>
      Effect.scoped(
        Effect.flatMap(assignment.hold(id), (lease) =>
          Effect.raceFirst(Effect.scoped(run(lease)), lease.lost)
        )
      )
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
    yield* Effect.never
  }).pipe(Effect.scoped)

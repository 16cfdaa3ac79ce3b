/** A double of the assignment: the test says which tenants are this replica's. */
import { Context, Effect, Layer } from "effect"
import { makeLeases } from "../internal/assignment/leases.js"
import type { TenantId } from "../Tenant.js"
import {
  TenantAssignment,
  type TenantAssignmentService,
  type TenantReplica
} from "../TenantAssignment.js"
import { tenantOf } from "./tenantInput.js"

/** IDs may have any valid spelling; an invalid one throws a `RangeError` at the call. */
export interface TestTenantAssignmentControls {
  /** Assigns tenants to this replica, each with a higher fence than before. */
  readonly assign: (...ids: ReadonlyArray<string>) => Effect.Effect<void>
  /** Takes tenants away: their leases are lost at once. */
  readonly revoke: (...ids: ReadonlyArray<string>) => Effect.Effect<void>
  /**
   * Ends the leases of all tenants as they end on a process that was stopped. `isValid` and `owns`
   * answer false at once, and `problem` says so. `lost` completes, and `view` changes, at `thaw`.
   */
  readonly freeze: Effect.Effect<void>
  /** Ends `freeze`: the leases that ended are lost, and the tenants are assigned anew. */
  readonly thaw: Effect.Effect<void>
  /** How many leases of the tenant are held: 0 when its runs and their finalizers have ended. */
  readonly held: (id: string) => Effect.Effect<number>
}

const self: TenantReplica = { address: "test-replica", version: undefined, since: undefined }

const make = (initial: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const assigned = new Map<TenantId, bigint>()
    let fence = 0n
    let isFrozen = false
    let isCordoned = false
    const idsOf = (inputs: ReadonlyArray<string>) => inputs.map((input) => tenantOf(input).id)
    const assign = (ids: Iterable<TenantId>): void => {
      for (const id of ids) assigned.set(id, ++fence)
    }
    assign(idsOf(initial))
    const leases = yield* makeLeases({
      isAssigned: (id) => !isFrozen && assigned.has(id),
      isCordoned: () => isCordoned,
      fenceOf: (id) => assigned.get(id)
    })
    /** Changes the assignment, then tells the holders and the readers. */
    const change = (run: () => void): Effect.Effect<void> =>
      Effect.suspend(() => {
        run()
        return isFrozen ? Effect.void : leases.changed
      })

    const service: TenantAssignmentService = {
      description: "the tenants that the test assigns",
      view: leases.view,
      hold: leases.hold,
      members: Effect.succeed([self]),
      ownerOf: (id) => Effect.sync(() => (assigned.has(id) ? self : undefined)),
      cordon: change(() => {
        isCordoned = true
      }),
      uncordon: change(() => {
        isCordoned = false
      }),
      problem: Effect.sync(() => (isFrozen ? "the test froze this replica" : undefined))
    }
    const controls: TestTenantAssignmentControls = {
      assign: (...inputs) => {
        const ids = idsOf(inputs)
        return change(() => assign(ids))
      },
      revoke: (...inputs) => {
        const ids = idsOf(inputs)
        return change(() => {
          for (const id of ids) assigned.delete(id)
        })
      },
      freeze: Effect.sync(() => {
        isFrozen = true
      }),
      thaw: Effect.zipRight(
        leases.changed,
        Effect.suspend(() => {
          isFrozen = false
          assign([...assigned.keys()])
          return leases.changed
        })
      ),
      held: (input) => {
        const { id } = tenantOf(input)
        return Effect.sync(() => leases.held(id))
      }
    }
    return Context.make(TenantAssignment, service).pipe(Context.add(TestTenantAssignment, controls))
  })

/**
 * An assignment that a test controls.
 *
 * @example
 * // A run stops when its tenant moves to another replica:
 * const assignment = TestTenantAssignment.layer(["acme"])
 *
 * Effect.gen(function* () {
 *   const replica = yield* TestTenantAssignment
 *   yield* replica.revoke("acme")
 *   yield* yourWorkerHasStoppedFor("acme")
 * }).pipe(Effect.provide(Layer.provideMerge(yourWorker, Layer.merge(discovery, assignment))))
 */
export class TestTenantAssignment extends Context.Tag("tenant-discovery/TestTenantAssignment")<
  TestTenantAssignment,
  TestTenantAssignmentControls
>() {
  /**
   * With these tenants assigned. Default: none.
   *
   * @throws RangeError for an invalid ID.
   */
  static readonly layer = (
    initial: ReadonlyArray<string> = []
  ): Layer.Layer<TenantAssignment | TestTenantAssignment> => Layer.effectContext(make(initial))
}

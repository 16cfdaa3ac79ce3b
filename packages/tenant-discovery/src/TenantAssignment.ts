/**
 * Which of the active tenants are this replica's own, and the lease under which it works for one.
 */
import { Array, type ConfigError, Context, Effect, Layer, Stream } from "effect"
import type { Lease, TenantAssignmentService } from "./internal/assignment/assignmentService.js"
import { everyTenant } from "./internal/assignment/everyTenant.js"
import {
  decodeStatic,
  makeStatic,
  type StaticAssignmentOptions,
  staticConfig
} from "./internal/assignment/staticAssignment.js"
import type { TenantId } from "./Tenant.js"
import { TenantDiscovery } from "./TenantDiscovery.js"

export {
  type AssignmentView,
  type Lease,
  type TenantAssignmentService,
  TenantNotAssigned,
  type TenantReplica
} from "./internal/assignment/assignmentService.js"
export type { StaticAssignmentOptions } from "./internal/assignment/staticAssignment.js"

const sameIds = Array.getEquivalence<TenantId>((a, b) => a === b)

/**
 * Which of the active tenants this replica works for. Without a layer it is every tenant, so
 * that a program with one replica needs none. A worker follows it by itself.
 *
 * @example
 * // Three replicas as a StatefulSet, without failover:
 * Layer.provide(worker, TenantAssignment.layerStaticConfig)
 */
export class TenantAssignment extends Context.Reference<TenantAssignment>()(
  "tenant-discovery/TenantAssignment",
  { defaultValue: (): TenantAssignmentService => everyTenant }
) {
  /**
   * Spreads the tenants over a fixed number of replicas, by rendezvous hashing of the ID. There
   * is no failover: the tenants of a replica that is down have no worker until it is back. While
   * the number of replicas changes, two replicas may work for one tenant. Leases have no fence.
   *
   * @throws RangeError for a bad option, which it names.
   */
  static layerStatic(options: StaticAssignmentOptions): Layer.Layer<TenantAssignment> {
    const settings = decodeStatic(options)
    return Layer.effect(TenantAssignment, makeStatic(settings))
  }

  /**
   * The same from `MULTI_TENANT_REPLICAS` and `MULTI_TENANT_REPLICA_ORDINAL`. Without the
   * ordinal, the number at the end of `HOSTNAME` counts, as a StatefulSet names its pods.
   */
  static readonly layerStaticConfig: Layer.Layer<TenantAssignment, ConfigError.ConfigError> =
    Layer.effect(TenantAssignment, Effect.flatMap(staticConfig, makeStatic))

  /** The active tenants that this replica owns, sorted. */
  static readonly assignedTenantIds: Effect.Effect<
    ReadonlyArray<TenantId>,
    never,
    TenantDiscovery
  > = Effect.gen(function* () {
    const discovery = yield* TenantDiscovery
    const assignment = yield* TenantAssignment
    const { owns } = yield* assignment.view.get
    return (yield* discovery.activeTenantIds).filter(owns)
  })

  /** The same now, and after each change; it ends with the discovery. A slow reader gets the latest. */
  static readonly assignedTenantIdChanges: Stream.Stream<
    ReadonlyArray<TenantId>,
    never,
    TenantDiscovery
  > = Stream.unwrap(
    Effect.gen(function* () {
      const discovery = yield* TenantDiscovery
      const assignment = yield* TenantAssignment
      return Stream.merge(discovery.view.changes, assignment.view.changes, {
        haltStrategy: "left"
      }).pipe(
        Stream.buffer({ capacity: 1, strategy: "sliding" }),
        Stream.mapEffect(() => TenantAssignment.assignedTenantIds),
        Stream.changesWith(sameIds)
      )
    })
  )
}

/**
 * The lease under which a run of a {@link TenantWorker} works. Write its `fence` with the data
 * where the resource can compare it: `UPDATE ... WHERE fence <= $1`.
 */
export class TenantLease extends Context.Tag("tenant-discovery/TenantLease")<
  TenantLease,
  Lease
>() {}

/** The assignment of a replica, over its leases. */
import { SqlClient } from "@effect/sql"
import {
  Context,
  Deferred,
  Effect,
  type Scope,
  Stream,
  Subscribable,
  SubscriptionRef
} from "effect"
import type { AssignmentView, TenantAssignmentService, TenantId } from "tenant-discovery"
import type { Leases } from "./leases.js"
import type { Replicas } from "./replicas.js"
import type { Membership } from "./runnerStorage.js"

const UNREAD_AFTER = "30 seconds"

/** A caller's open transaction is on another connection, and may be on another database. */
const outsideTransactions: <A>(effect: Effect.Effect<A>) => Effect.Effect<A> =
  Effect.mapInputContext(Context.omit(SqlClient.TransactionConnection))

export const makeService = (options: {
  readonly description: string
  readonly shardOf: (id: TenantId) => string
  readonly leases: Leases
  readonly replicas: Replicas
  readonly membership: Pick<Membership, "leave" | "join">
  readonly problem: Effect.Effect<string | undefined>
  readonly warnsUnread: boolean
}): Effect.Effect<TenantAssignmentService, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { leases, membership, replicas, shardOf } = options
    const closed = yield* Deferred.make<void>()
    yield* Effect.addFinalizer(() => Deferred.succeed(closed, undefined))

    let isRead = false
    const read = Effect.sync(() => {
      isRead = true
    })
    const owns = (id: TenantId) => leases.owns(shardOf(id), id)
    const viewAt = (revision: number): AssignmentView => ({ revision, owns })

    const warnUnread = Effect.suspend(() =>
      isRead
        ? Effect.void
        : Effect.logWarning(
            "nothing follows the assignment: a worker that does not get its layer works for all " +
              "tenants; provide ClusterAssignment.layer to the worker's layer"
          )
    )
    if (options.warnsUnread) yield* Effect.forkScoped(Effect.delay(warnUnread, UNREAD_AFTER))

    return {
      description: options.description,
      view: Subscribable.make({
        get: Effect.zipRight(read, Effect.map(SubscriptionRef.get(leases.revision), viewAt)),
        changes: Stream.unwrap(
          Effect.as(
            read,
            leases.revision.changes.pipe(
              Stream.interruptWhenDeferred(closed),
              Stream.buffer({ capacity: 1, strategy: "sliding" }),
              Stream.map(viewAt)
            )
          )
        )
      }),
      hold: (id) => Effect.zipRight(read, leases.hold(shardOf(id), id)),
      members: outsideTransactions(replicas.members),
      ownerOf: (id) => outsideTransactions(replicas.ownerOf(shardOf(id))),
      cordon: outsideTransactions(membership.leave),
      uncordon: membership.join,
      problem: options.problem
    }
  })

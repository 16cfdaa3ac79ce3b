/** The interface of an assignment. */
import { Data, type Effect, type Scope, type Subscribable } from "effect"
import type { TenantId } from "../../Tenant.js"

/** A replica of the service. */
export interface TenantReplica {
  /** Names one incarnation of a replica: a process that starts anew has a new address. */
  readonly address: string
  /** The version that the replica reports; `undefined` where it reports none. */
  readonly version: string | undefined
  /** When it joined, in milliseconds since the epoch; `undefined` where that is not known. */
  readonly since: number | undefined
}

/**
 * The right to work for one tenant. While it is valid, no other replica begins work for the
 * tenant. It cannot stop a write that is on its way already: only a resource that compares the
 * `fence` can.
 */
export interface Lease {
  readonly tenantId: TenantId
  /**
   * Grows with each owner of the tenant. `undefined` where the assignment has none (the default
   * and the static one): do not compare it then.
   */
  readonly fence: bigint | undefined
  /** Whether the lease is valid now. It never becomes valid again. */
  readonly isValid: Effect.Effect<boolean>
  /** Completes when the lease is lost, or when the tenant must be given back now. */
  readonly lost: Effect.Effect<void>
}

/** The tenant belongs to another replica, or to none at the moment. */
export class TenantNotAssigned extends Data.TaggedError("TenantNotAssigned")<{
  readonly message: string
  readonly tenantId: TenantId
}> {}

/** What this replica may work for. */
export interface AssignmentView {
  /** Grows with each change. */
  readonly revision: number
  /**
   * Whether the tenant is this replica's at the moment of the call, whatever the revision of this
   * view. An answer says nothing about later: work needs a lease.
   */
  readonly owns: (id: TenantId) => boolean
}

export interface TenantAssignmentService {
  /** Whose tenants these are, for a log: "worker works for <description>". */
  readonly description: string
  /** The assignment now, and each later one. A slow reader gets the latest. */
  readonly view: Subscribable.Subscribable<AssignmentView>
  /**
   * Holds a lease until the scope closes. The tenant moves to another replica only when the
   * scopes of all its leases have closed, or a bound of the implementation has passed.
   */
  readonly hold: (id: TenantId) => Effect.Effect<Lease, TenantNotAssigned, Scope.Scope>
  /**
   * The replicas that share the tenants, this one included; empty where they are not known. A
   * probe of the health asks for it: an implementation answers within half a second, with its last
   * answer where its database is slow.
   */
  readonly members: Effect.Effect<ReadonlyArray<TenantReplica>>
  /** The replica that the tenant belongs to; `undefined` where that is not known. */
  readonly ownerOf: (id: TenantId) => Effect.Effect<TenantReplica | undefined>
  /**
   * Takes no tenant any more, and gives this replica's tenants to the others as far as the
   * assignment can. A tenant with leases is given back when they have closed; until then they
   * stay valid, for as long as the implementation says. A worker that closes does this by itself.
   */
  readonly cordon: Effect.Effect<void>
  /** Ends `cordon`. */
  readonly uncordon: Effect.Effect<void>
  /**
   * Why this replica cannot hold leases at the moment, for a person, such as a database that does
   * not answer; `undefined` while it can. It names no secret.
   */
  readonly problem: Effect.Effect<string | undefined>
}

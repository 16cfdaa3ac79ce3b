/**
 * The interface of the discovery. `TenantDiscovery` is its tag.
 */
import { Data, Duration, type Effect, type Scope, type Stream, type Subscribable } from "effect"
import type { DiscoveryStatus } from "./DiscoveryStatus.js"
import type { Tenant, TenantId } from "./Tenant.js"
import type { RemovalCause, TenantChange } from "./TenantChange.js"
import type { TenantManagerError } from "./TenantManagerError.js"
import type { DiscoveryMode, TenantView } from "./TenantView.js"

/** The view was last known to be right longer ago than the caller allows. */
export class StaleTenantView extends Data.TaggedError("StaleTenantView")<{
  readonly age: Duration.Duration
  readonly maxAge: Duration.Duration
  readonly mode: DiscoveryMode
}> {
  override get message(): string {
    return (
      `the tenants were last known to be right ${Duration.format(this.age)} ago; at most ` +
      `${Duration.format(this.maxAge)} is allowed (mode ${this.mode}); see the discovery's status`
    )
  }
}

/**
 * Which tenants are active, now.
 *
 * Promised: no event is lost between the subscription and the list, during a list, or over a
 * reconnect; readers get transitions only, in order; nothing that arrives stops the discovery.
 * Not promised: that Redis Pub/Sub delivers (it is at most once). The next list finds what it
 * lost: after a reconnect within seconds, otherwise within the reconcile interval.
 */
export interface TenantDiscoveryService {
  /**
   * The IDs of the active tenants, sorted. Frozen, and the same array until something changes.
   * Answers the last view after the close.
   */
  readonly activeTenantIds: Effect.Effect<ReadonlyArray<TenantId>>
  /** The active tenants, in the order of the IDs. Frozen. */
  readonly activeTenants: Effect.Effect<ReadonlyArray<Tenant>>
  readonly isActive: (id: TenantId) => Effect.Effect<boolean>
  /**
   * The view. `changes` begins with the present view and emits at each new revision or mode; a
   * slow reader gets the latest. Ends when the discovery closes.
   */
  readonly view: Subscribable.Subscribable<TenantView>
  /**
   * The view, or `StaleTenantView` if it was last known to be right longer ago than `maxAge`.
   * While `Live`, each answered heartbeat proves it anew: allow more than the heartbeat's
   * interval.
   */
  readonly requireFresh: (
    maxAge: Duration.DurationInput
  ) => Effect.Effect<TenantView, StaleTenantView>
  /**
   * The changes from the moment the stream is run, in order. Changes that a slow reader has not
   * seen are conflated to at most two a tenant; a tenant that left and came back is `Removed`,
   * then `Added`. Ends when the discovery closes.
   */
  readonly changes: Stream.Stream<TenantChange>
  /**
   * Calls `handler` for every tenant that is added from now on; with `replay`, first for those
   * that are active now. Returns once registered, and runs until the caller's scope or the
   * discovery closes. One call at a time, in order. A handler that fails is logged, and the next
   * change follows. Conflated as `changes`.
   *
   * @example
   * yield* discovery.onTenantAdded((tenant) => Effect.log(`added ${tenant.id}`), { replay: true })
   */
  readonly onTenantAdded: <E, R>(
    handler: (tenant: Tenant) => Effect.Effect<void, E, R>,
    options?: { readonly replay?: boolean | undefined }
  ) => Effect.Effect<void, never, R | Scope.Scope>
  /** As `onTenantAdded`, for every tenant that is removed from now on. */
  readonly onTenantRemoved: <E, R>(
    handler: (tenant: Tenant, cause: RemovalCause) => Effect.Effect<void, E, R>
  ) => Effect.Effect<void, never, R | Scope.Scope>
  /** The status: now, and each later one; a slow reader gets the latest. */
  readonly status: Subscribable.Subscribable<DiscoveryStatus>
  /**
   * Lists now. Succeeds when a list that began after this call is applied; concurrent calls
   * share one list. Waits as long as the tenant manager's `Retry-After` asks. Fails with the
   * error of that list (the discovery goes on to retry), with `TenantManagerMalformedBody` if
   * the list is incomplete and lacks present tenants, or with `TenantManagerUnavailable` once
   * the discovery is closed. Interrupting the call does not stop the list.
   */
  readonly refresh: Effect.Effect<void, TenantManagerError>
}

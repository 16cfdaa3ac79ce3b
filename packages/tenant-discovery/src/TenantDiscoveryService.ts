/**
 * What the discovery offers. The contract is written here; `TenantDiscovery` is
 * its tag.
 */
import type { Duration, Effect, Scope, Stream, Subscribable } from "effect"
import type { DiscoveryStatus } from "./DiscoveryStatus.js"
import type { StaleTenantView } from "./StaleTenantView.js"
import type { Tenant, TenantId } from "./Tenant.js"
import type { RemovalCause, TenantChange } from "./TenantChange.js"
import type { TenantManagerError } from "./TenantManagerError.js"
import type { TenantView } from "./TenantView.js"

/**
 * Which tenants are active, now.
 *
 * Promised: no event is lost between list and subscription, during a list, or over
 * a reconnect; readers are told transitions only, in order; whatever arrives, it
 * goes on. Not promised: that Redis Pub/Sub delivers (it is at most once). What it
 * loses is found by the next list, after a reconnect at once, otherwise within the
 * reconcile interval.
 */
export interface TenantDiscoveryService {
  /** IDs of every active tenant now: frozen, and the same array until something changes. Answers the last view after close. */
  readonly activeTenantIds: Effect.Effect<ReadonlyArray<TenantId>>
  /** Every active tenant now, in the order of the IDs: frozen, the same array until something changes. */
  readonly activeTenants: Effect.Effect<ReadonlyArray<Tenant>>
  readonly isActive: (id: TenantId) => Effect.Effect<boolean>
  /**
   * The state itself, read-only: its value now, and its values to come. `changes`
   * begins with the present one and tells each new revision or mode; a slow reader
   * gets the latest.
   */
  readonly view: Subscribable.Subscribable<TenantView>
  /**
   * The view, or `StaleTenantView` when it was last known to be right longer ago
   * than this. While `Live`, each heartbeat proves it anew: allow more than the
   * heartbeat's interval.
   */
  readonly requireFresh: (
    maxAge: Duration.DurationInput
  ) => Effect.Effect<TenantView, StaleTenantView>
  /**
   * Added, Removed, ConnectionsChanged, Updated: only real transitions, in order,
   * from the moment it is run for as long as it is read. What a slow reader has not
   * seen is conflated to at most what the tenants number; a tenant that left and
   * came back meanwhile is told as both. Ends when the discovery closes.
   */
  readonly changes: Stream.Stream<TenantChange>
  /**
   * Calls `handler` for every tenant that is added from now on, and with `replay`
   * first for those that are active now. Returns once registered; runs until the
   * caller's scope or the discovery closes. One at a time, in order; a failure or
   * defect is logged with its cause, and the next one runs. Conflated as `changes`.
   */
  readonly onTenantAdded: <E, R>(
    handler: (tenant: Tenant) => Effect.Effect<void, E, R>,
    options?: { readonly replay?: boolean | undefined }
  ) => Effect.Effect<void, never, R | Scope.Scope>
  /** As `onTenantAdded`, for every tenant that is removed from now on. */
  readonly onTenantRemoved: <E, R>(
    handler: (tenant: Tenant, cause: RemovalCause) => Effect.Effect<void, E, R>
  ) => Effect.Effect<void, never, R | Scope.Scope>
  /** How it is doing: now, and as it changes; a slow reader gets the latest. */
  readonly status: Subscribable.Subscribable<DiscoveryStatus>
  /**
   * Re-lists now: succeeds when a list that began after this call is taken over.
   * Concurrent calls share one list. Waits where the tenant manager asked to be
   * left alone. Fails with that list's error (the background goes on to retry), or
   * with `TenantManagerUnavailable` once the discovery is closed. Interrupting it does not stop the list.
   */
  readonly refresh: Effect.Effect<void, TenantManagerError>
}

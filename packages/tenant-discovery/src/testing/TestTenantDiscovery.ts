/**
 * A test double of the discovery itself, for specs of programs that use it: no edges, no
 * waiting, and the behaviour of the real one, since it runs on the same view and service.
 */
import { Clock, Context, Duration, Effect, Layer, SubscriptionRef } from "effect"
import { makeService } from "../internal/discovery/service.js"
import { type DiscoveryState, stateOf } from "../internal/discovery/state.js"
import { currentMoment, type Moment } from "../internal/moment.js"
import { addTenants, applyChanges } from "../internal/view/edit.js"
import type { RemovalCause, TenantChange } from "../TenantChange.js"
import { TenantDiscovery } from "../TenantDiscovery.js"
import type { ConnectionsReason, TenantEventType } from "../TenantEvent.js"
import { type TenantManagerError, TenantManagerUnavailable } from "../TenantManagerError.js"
import { type DiscoveryMode, TenantView } from "../TenantView.js"
import { type TenantInput, tenantOf, tenantsOf } from "./tenantInput.js"
import { outage } from "./TestTenantManager.js"

/** The types of the events that remove a tenant. */
export type RemovalEventType = Extract<
  TenantEventType,
  | "tenant.service.disassociated"
  | "tenant.service.suspended"
  | "tenant.service.purged"
  | "tenant.suspended"
  | "tenant.deleted"
>

/**
 * What a test does to the tenants. IDs may have any valid spelling; an invalid one throws a
 * `RangeError` at the call. Readers get transitions only, as from the real discovery.
 */
export interface TestTenantDiscoveryControls {
  /** Adds a tenant. Nothing happens if it is active. */
  readonly add: (tenant: TenantInput) => Effect.Effect<void>
  /**
   * Removes a tenant. The name of an event type as `cause` stands for an event of that type.
   * Default `tenant.service.disassociated`.
   */
  readonly remove: (id: string, cause?: RemovalCause | RemovalEventType) => Effect.Effect<void>
  /** The connections of an active tenant are out of date. Default `CredentialsRotated`. */
  readonly rotate: (id: string, reason?: ConnectionsReason) => Effect.Effect<void>
  /** What is known of an active tenant is out of date; `name` is its new name. */
  readonly update: (id: string, name?: string) => Effect.Effect<void>
  /** Sets the mode. `Live` keeps the view fresh, as heartbeats do; otherwise it ages from now on. */
  readonly setStatus: (mode: DiscoveryMode) => Effect.Effect<void>
  /** Sets the age of the view. It grows until a refresh or `setStatus("Live")`. */
  readonly setAge: (age: Duration.DurationInput) => Effect.Effect<void>
  /** The next refresh fails. Default: `TenantManagerUnavailable`, status 503. */
  readonly failNextRefresh: (error?: TenantManagerError) => Effect.Effect<void>
  /** How often `refresh` was called. */
  readonly refreshes: Effect.Effect<number>
}

const causeOf = (cause: RemovalCause | RemovalEventType): RemovalCause =>
  typeof cause === "string" ? { _tag: "Event", eventType: cause, eventId: undefined } : cause

/** The monotonic time of a view that is always fresh. */
const ALWAYS = Number.POSITIVE_INFINITY

const make = (initial: ReadonlyArray<TenantInput>) =>
  Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const view = addTenants(TenantView.make(), tenantsOf(initial)).with({ mode: "Live", asOf: now })
    const begun = stateOf("test-service", view, now)
    const ref = yield* SubscriptionRef.make<DiscoveryState>({
      ...begun,
      status: { ...begun.status, lastListedAt: now },
      asOf: ALWAYS
    })
    yield* Effect.addFinalizer(() =>
      SubscriptionRef.update(ref, (state) => ({ ...state, closed: true }))
    )
    let failures: ReadonlyArray<TenantManagerError> = []
    let refreshes = 0

    const update = (
      next: (state: DiscoveryState, now: Moment) => DiscoveryState
    ): Effect.Effect<void> =>
      Effect.flatMap(currentMoment, (moment) =>
        SubscriptionRef.update(ref, (state) => (state.closed ? state : next(state, moment)))
      )

    const apply = (change: TenantChange): Effect.Effect<void> =>
      update((state, { wall }) => {
        const next = applyChanges(state.view, [change])
        const status = { ...state.status, lastEventAt: wall, tenantCount: next.size }
        return { ...state, view: next, status }
      })

    const knownAsOf = (state: DiscoveryState, mono: number, wall: number): DiscoveryState => ({
      ...state,
      asOf: mono,
      view: state.view.with({ asOf: wall })
    })

    const refresh: Effect.Effect<void, TenantManagerError> = Effect.gen(function* () {
      if ((yield* SubscriptionRef.get(ref)).closed) {
        return yield* new TenantManagerUnavailable({
          operation: "list active tenants",
          message: "the tenant discovery is closed",
          status: undefined,
          retryAfter: undefined,
          cause: undefined
        })
      }
      refreshes++
      const [error, ...rest] = failures
      failures = rest
      if (error !== undefined) {
        yield* update((state, { wall: at }) => ({
          ...state,
          status: { ...state.status, lastError: { _tag: "ListFailed", at, error } }
        }))
        return yield* Effect.fail(error)
      }
      yield* update((state, { mono, wall }) => ({
        ...knownAsOf(state, state.view.mode === "Live" ? ALWAYS : mono, wall),
        status: { ...state.status, lastListedAt: wall }
      }))
    })

    const controls: TestTenantDiscoveryControls = {
      add: (input) => apply({ _tag: "Added", tenant: tenantOf(input) }),
      remove: (id, cause = "tenant.service.disassociated") =>
        apply({ _tag: "Removed", tenant: tenantOf(id), cause: causeOf(cause) }),
      rotate: (id, reason = "CredentialsRotated") =>
        apply({ _tag: "ConnectionsChanged", tenant: tenantOf(id), reason }),
      update: (id, name) => apply({ _tag: "Updated", tenant: tenantOf({ id, name }) }),
      setStatus: (mode) =>
        update((state, { mono, wall }) => {
          const since = mode === state.status.mode ? state.status.since : wall
          // A view that was always fresh was right until now.
          const asOf = mode === "Live" ? ALWAYS : Math.min(state.asOf, mono)
          const wallAsOf = asOf === ALWAYS ? wall : wall - (mono - asOf)
          return {
            ...state,
            asOf,
            status: { ...state.status, mode, since },
            view: state.view.with({ mode, asOf: wallAsOf })
          }
        }),
      setAge: (input) => {
        const age = Duration.toMillis(input)
        return update((state, { mono, wall }) => knownAsOf(state, mono - age, wall - age))
      },
      failNextRefresh: (error) =>
        Effect.sync(() => {
          failures = [...failures, error ?? outage()]
        }),
      refreshes: Effect.sync(() => refreshes)
    }
    return Context.make(TenantDiscovery, makeService(ref, refresh)).pipe(
      Context.add(TestTenantDiscovery, controls)
    )
  })

/**
 * A discovery that a test controls.
 *
 * @example
 * // A worker stops for a suspended tenant:
 * const discovery = TestTenantDiscovery.layer(["acme", "globex"])
 *
 * Effect.gen(function* () {
 *   const tenants = yield* TestTenantDiscovery
 *   yield* tenants.remove("acme", "tenant.service.suspended")
 *   yield* yourWorkerHasStoppedFor("acme")
 * }).pipe(Effect.provide(Layer.provideMerge(yourWorker, discovery)))
 */
export class TestTenantDiscovery extends Context.Tag("tenant-discovery/TestTenantDiscovery")<
  TestTenantDiscovery,
  TestTenantDiscoveryControls
>() {
  /**
   * Live, with these tenants: IDs in any valid spelling, or tenants. Default none.
   *
   * @throws RangeError for an invalid ID.
   */
  static readonly layer = (
    initial: Iterable<TenantInput> = []
  ): Layer.Layer<TenantDiscovery | TestTenantDiscovery> =>
    Layer.scopedContext(make(tenantsOf(initial)))
}

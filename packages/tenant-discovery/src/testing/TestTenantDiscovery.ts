/**
 * A double of the discovery itself, for specs of what uses it: no edges, no
 * waiting, and the real semantics, since it runs on the real view and surface.
 */
import { Clock, Context, Duration, Effect, Layer } from "effect"
import type { DiscoveryStatus } from "../DiscoveryStatus.js"
import { Latest } from "../internal/latest.js"
import { type DiscoveryState, makeSurface, monotonicMillis } from "../internal/surface.js"
import type { RemovalCause, TenantChange } from "../TenantChange.js"
import { TenantDiscovery } from "../TenantDiscovery.js"
import type { ConnectionsReason, TenantEventType } from "../TenantEvent.js"
import { type TenantManagerError, TenantManagerUnavailable } from "../TenantManagerError.js"
import { type DiscoveryMode, TenantView } from "../TenantView.js"
import { type TenantInput, tenantOf, tenantsOf } from "./tenants.js"
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
 * What a test does to the tenants. IDs may be given in any valid spelling; an
 * invalid one throws a `RangeError` when it is given. Readers are told as by the
 * real discovery: of transitions alone, each in their own time.
 */
export interface TestTenantDiscoveryControls {
  /** Active from now on. Nothing is told where it was active already. */
  readonly add: (tenant: TenantInput) => Effect.Effect<void>
  /** Active no more. `cause`: an event's type stands for that event. Default `tenant.service.disassociated`. */
  readonly remove: (id: string, cause?: RemovalCause | RemovalEventType) => Effect.Effect<void>
  /** The connections of a tenant that is active are out of date. Default `CredentialsRotated`. */
  readonly rotate: (id: string, reason?: ConnectionsReason) => Effect.Effect<void>
  /** What is known of the tenant is out of date; with a name, that is its name from now on. */
  readonly update: (id: string, name?: string) => Effect.Effect<void>
  /** `Live` keeps the view fresh, as heartbeats do; in any other mode it grows old from now on. */
  readonly setStatus: (mode: DiscoveryMode) => Effect.Effect<void>
  /** The view was last known to be right so long ago, and grows older, until a refresh or `setStatus("Live")`. */
  readonly setAge: (age: Duration.DurationInput) => Effect.Effect<void>
  /** The next refresh fails. Default: `TenantManagerUnavailable`, status 503. */
  readonly failNextRefresh: (error?: TenantManagerError) => Effect.Effect<void>
  /** How many refreshes were asked for. */
  readonly refreshes: Effect.Effect<number>
}

const causeOf = (cause: RemovalCause | RemovalEventType): RemovalCause =>
  typeof cause === "string" ? { _tag: "Event", eventType: cause, eventId: undefined } : cause

/** Fresh for as long as nothing else is said. */
const ALWAYS = Number.POSITIVE_INFINITY

const make = (initial: ReadonlyArray<TenantInput>) =>
  Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const listed = TenantView.applyListing(TenantView.empty, tenantsOf(initial)).view
    const view = TenantView.as(listed, "Live", now)
    const state = new Latest<DiscoveryState>({
      view,
      status: {
        service: "test-service",
        mode: "Live",
        since: now,
        lastListedAt: now,
        lastEventAt: undefined,
        lastError: undefined,
        tenantCount: view.size
      },
      asOf: ALWAYS,
      closed: false
    })
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => state.set({ ...state.current, closed: true }))
    )
    let failures: ReadonlyArray<TenantManagerError> = []
    let refreshes = 0

    /** Mode and time of the last state, and what else `set` says. */
    const amend = (
      set: (last: DiscoveryState, wall: number, mono: number) => DiscoveryState
    ): Effect.Effect<void> =>
      Effect.map(Effect.all([Clock.currentTimeMillis, monotonicMillis]), ([wall, mono]) => {
        if (!state.current.closed) state.set(set(state.current, wall, mono))
      })

    const tell = (change: TenantChange): Effect.Effect<void> =>
      amend((last, wall) => {
        const next = TenantView.applyChanges(last.view, [change])
        const status: DiscoveryStatus = {
          ...last.status,
          lastEventAt: wall,
          tenantCount: next.size
        }
        return { ...last, view: next, status }
      })

    const known = (last: DiscoveryState, asOf: number, wallAsOf: number): DiscoveryState => ({
      ...last,
      asOf,
      view: TenantView.as(last.view, last.view.mode, wallAsOf)
    })

    const refresh: Effect.Effect<void, TenantManagerError> = Effect.gen(function* () {
      if (state.current.closed) return yield* Effect.fail(closedError())
      refreshes++
      const [error, ...rest] = failures
      failures = rest
      if (error !== undefined) {
        yield* amend((last, at) => ({
          ...last,
          status: { ...last.status, lastError: { _tag: "ListFailed", at, error } }
        }))
        return yield* Effect.fail(error)
      }
      yield* amend((last, wall, mono) => ({
        ...known(last, last.view.mode === "Live" ? ALWAYS : mono, wall),
        status: { ...last.status, lastListedAt: wall }
      }))
    })

    const controls: TestTenantDiscoveryControls = {
      add: (input) => tell({ _tag: "Added", tenant: tenantOf(input) }),
      remove: (id, cause = "tenant.service.disassociated") =>
        tell({ _tag: "Removed", tenant: tenantOf(id), cause: causeOf(cause) }),
      rotate: (id, reason = "CredentialsRotated") =>
        tell({ _tag: "ConnectionsChanged", tenant: tenantOf(id), reason }),
      update: (id, name) => tell({ _tag: "Updated", tenant: tenantOf({ id, name }) }),
      setStatus: (mode) =>
        amend((last, wall, mono) => {
          const since = mode === last.status.mode ? last.status.since : wall
          // From a mode that kept it fresh it has just been right; else it grows older still.
          const asOf = mode === "Live" ? ALWAYS : Math.min(last.asOf, mono)
          const wallAsOf = asOf === ALWAYS ? wall : wall - (mono - asOf)
          return {
            ...last,
            asOf,
            status: { ...last.status, mode, since },
            view: TenantView.as(last.view, mode, wallAsOf)
          }
        }),
      setAge: (input) => {
        const age = Duration.toMillis(input)
        return amend((last, wall, mono) => known(last, mono - age, wall - age))
      },
      failNextRefresh: (error) =>
        Effect.sync(() => {
          failures = [...failures, error ?? outage()]
        }),
      refreshes: Effect.sync(() => refreshes)
    }
    return Context.make(TenantDiscovery, makeSurface(state, refresh)).pipe(
      Context.add(TestTenantDiscovery, controls)
    )
  })

const closedError = (): TenantManagerError =>
  new TenantManagerUnavailable({
    operation: "list active tenants",
    message: "the tenant discovery is closed",
    status: undefined,
    retryAfter: undefined,
    cause: undefined
  })

/**
 * A discovery that a test controls.
 *
 * How to prove that your worker stops for a suspended tenant:
 *
 * @example
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
   * Live, with these tenants, as IDs in any valid spelling or as tenants.
   *
   * @throws RangeError where an ID is not valid.
   */
  static readonly layer = (
    initial: Iterable<TenantInput> = []
  ): Layer.Layer<TenantDiscovery | TestTenantDiscovery> =>
    Layer.scopedContext(make(tenantsOf(initial)))
}

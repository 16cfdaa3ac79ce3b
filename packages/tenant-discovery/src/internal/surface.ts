/**
 * The discovery's interface over its state. Real, single-tenant and test
 * discoveries share it, so that they mean the same by it.
 */
import { Clock, Duration, Effect, type Scope, Stream, Subscribable, SubscriptionRef } from "effect"
import type { DiscoveryStatus } from "../DiscoveryStatus.js"
import { StaleTenantView } from "../StaleTenantView.js"
import type { TenantChange } from "../TenantChange.js"
import type { TenantDiscoveryService } from "../TenantDiscoveryService.js"
import type { TenantManagerError } from "../TenantManagerError.js"
import { TenantView } from "../TenantView.js"

/** The only state. */
export interface DiscoveryState {
  readonly view: TenantView
  readonly status: DiscoveryStatus
  /** The time of `view.asOf` on the monotonic clock, in milliseconds. */
  readonly asOf: number
  /** The last state there is. */
  readonly closed: boolean
}

/** Milliseconds on the clock that is never set. */
export const monotonicMillis: Effect.Effect<number> = Effect.map(
  Clock.currentTimeNanos,
  (nanos) => Number(nanos) / 1e6
)

/**
 * The states as they come, to the last: a slow reader gets the latest. The buffer
 * is what keeps a slow reader from growing: the ref's own queue has no bound.
 */
const latest = (state: SubscriptionRef.SubscriptionRef<DiscoveryState>) =>
  state.changes.pipe(
    Stream.buffer({ capacity: 1, strategy: "sliding" }),
    Stream.takeUntil(({ closed }) => closed)
  )

/** What changes, for a reader that knows `seen`. */
const changesSince = (
  state: SubscriptionRef.SubscriptionRef<DiscoveryState>,
  seen: TenantView
): Stream.Stream<TenantChange> =>
  latest(state).pipe(
    Stream.mapAccum(seen, (before, { view }) => [view, TenantView.diff(before, view)]),
    Stream.mapConcat((changes) => changes)
  )

const handled = <E, R>(
  change: TenantChange,
  handler: Effect.Effect<void, E, R>
): Effect.Effect<void, never, R> =>
  Effect.catchAllCause(handler, (cause) =>
    Effect.annotateLogs(
      Effect.logError(`the handler of ${change._tag} failed; the next one runs`, cause),
      { tenant_id: change.tenant.id }
    )
  )

export const makeSurface = (
  state: SubscriptionRef.SubscriptionRef<DiscoveryState>,
  refresh: Effect.Effect<void, TenantManagerError>
): TenantDiscoveryService => {
  const read = <A>(pick: (state: DiscoveryState) => A): Effect.Effect<A> =>
    Effect.map(SubscriptionRef.get(state), pick)

  const react = <E, R>(
    from: (view: TenantView) => TenantView,
    handler: (change: TenantChange) => Effect.Effect<void, E, R> | undefined
  ): Effect.Effect<void, never, R | Scope.Scope> =>
    Effect.gen(function* () {
      // What has been seen is settled here, so nothing is lost before the fiber runs.
      const seen = from((yield* SubscriptionRef.get(state)).view)
      yield* changesSince(state, seen).pipe(
        Stream.runForEach((change) => {
          const effect = handler(change)
          if (effect === undefined) return Effect.void
          // One that is behind is not called any more once the discovery is closed.
          return Effect.flatMap(SubscriptionRef.get(state), ({ closed }) =>
            closed ? Effect.void : handled(change, effect)
          )
        }),
        Effect.interruptible,
        Effect.forkScoped
      )
    })

  return {
    activeTenantIds: read(({ view }) => view.ids),
    activeTenants: read(({ view }) => view.tenants),
    isActive: (id) => read(({ view }) => view.has(id)),
    view: Subscribable.make({
      get: read(({ view }) => view),
      changes: latest(state).pipe(
        Stream.map(({ view }) => view),
        Stream.changesWith((a, b) => a.revision === b.revision && a.mode === b.mode)
      )
    }),
    requireFresh: (input) =>
      Effect.gen(function* () {
        const maxAge = Duration.decode(input)
        const { asOf, view } = yield* SubscriptionRef.get(state)
        const age = (yield* monotonicMillis) - asOf
        if (age <= Duration.toMillis(maxAge)) return view
        return yield* new StaleTenantView({
          age: Duration.millis(age),
          maxAge,
          mode: view.mode
        })
      }),
    changes: Stream.unwrap(
      Effect.map(SubscriptionRef.get(state), ({ view }) => changesSince(state, view))
    ),
    onTenantAdded: (handler, options) =>
      react(
        (view) => (options?.replay === true ? TenantView.empty : view),
        (change) => (change._tag === "Added" ? handler(change.tenant) : undefined)
      ),
    onTenantRemoved: (handler) =>
      react(
        (view) => view,
        (change) => (change._tag === "Removed" ? handler(change.tenant, change.cause) : undefined)
      ),
    status: Subscribable.make({
      get: read(({ status }) => status),
      changes: latest(state).pipe(
        Stream.map(({ status }) => status),
        Stream.changesWith((a, b) => a === b)
      )
    }),
    refresh
  }
}

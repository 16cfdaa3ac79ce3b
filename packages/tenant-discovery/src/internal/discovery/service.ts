/**
 * The service over the state. The real discovery, single-tenant mode and the test double share
 * it, so that they behave alike.
 */
import { Duration, Effect, type Scope, Stream, Subscribable } from "effect"
import type { TenantChange } from "../../TenantChange.js"
import { StaleTenantView, type TenantDiscoveryService } from "../../TenantDiscoveryService.js"
import type { TenantManagerError } from "../../TenantManagerError.js"
import { TenantView } from "../../TenantView.js"
import { currentMoment } from "../moment.js"
import type { DiscoveryState } from "./state.js"

type ChangeHandler<E, R> = (change: TenantChange) => Effect.Effect<void, E, R>

const handled = <E, R>(
  change: TenantChange,
  handler: ChangeHandler<E, R>
): Effect.Effect<void, never, R> =>
  Effect.catchAllCause(
    Effect.suspend(() => handler(change)),
    (cause) =>
      Effect.logError(
        `onTenant${change._tag} handler failed; continuing with the next change`,
        cause
      ).pipe(
        Effect.annotateLogs({ tenant_id: change.tenant.id }),
        // A logger that throws does not end the handler's fiber.
        Effect.catchAllCause(() => Effect.void)
      )
  )

export const makeService = (
  ref: Subscribable.Subscribable<DiscoveryState>,
  refresh: Effect.Effect<void, TenantManagerError>
): TenantDiscoveryService => {
  /** The state now and each later one. A slow reader gets the latest. */
  const states = ref.changes.pipe(
    Stream.takeUntil(({ closed }) => closed),
    Stream.buffer({ capacity: 1, strategy: "sliding" })
  )

  /** The changes after `seen`, for a reader of its own. */
  const changesAfter = (seen: TenantView): Stream.Stream<TenantChange> =>
    states.pipe(
      Stream.mapAccum(seen, (before, { view }) => [view, TenantView.diff(before, view)]),
      Stream.flattenIterables
    )

  const onChange = <E, R>(
    seenOf: (view: TenantView) => TenantView,
    handler: ChangeHandler<E, R>
  ): Effect.Effect<void, never, R | Scope.Scope> =>
    Effect.flatMap(ref.get, ({ view }) =>
      changesAfter(seenOf(view)).pipe(
        Stream.runForEach((change) =>
          // A handler that is behind is not called any more after the close.
          Effect.flatMap(ref.get, ({ closed }) => (closed ? Effect.void : handled(change, handler)))
        ),
        Effect.interruptible,
        Effect.forkScoped,
        Effect.asVoid
      )
    )

  return {
    activeTenantIds: Effect.map(ref.get, ({ view }) => view.ids),
    activeTenants: Effect.map(ref.get, ({ view }) => view.tenants),
    isActive: (id) => Effect.map(ref.get, ({ view }) => view.has(id)),
    view: Subscribable.make({
      get: Effect.map(ref.get, ({ view }) => view),
      changes: states.pipe(
        Stream.map(({ view }) => view),
        Stream.changesWith((a, b) => a.revision === b.revision && a.mode === b.mode)
      )
    }),
    requireFresh: (input) =>
      Effect.gen(function* () {
        const maxAge = Duration.decode(input)
        const { asOf, view } = yield* ref.get
        const age = (yield* currentMoment).mono - asOf
        if (age <= Duration.toMillis(maxAge)) return view
        return yield* new StaleTenantView({ age: Duration.millis(age), maxAge, mode: view.mode })
      }),
    changes: Stream.unwrap(Effect.map(ref.get, ({ view }) => changesAfter(view))),
    onTenantAdded: (handler, options) =>
      onChange(
        (view) => (options?.replay === true ? TenantView.empty : view),
        (change) => (change._tag === "Added" ? handler(change.tenant) : Effect.void)
      ),
    onTenantRemoved: (handler) =>
      onChange(
        (view) => view,
        (change) => (change._tag === "Removed" ? handler(change.tenant, change.cause) : Effect.void)
      ),
    status: Subscribable.make({
      get: Effect.map(ref.get, ({ status }) => status),
      changes: states.pipe(
        Stream.map(({ status }) => status),
        Stream.changesWith(Object.is)
      )
    }),
    refresh
  }
}

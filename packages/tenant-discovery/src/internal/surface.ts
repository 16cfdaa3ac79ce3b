/**
 * The discovery's interface over its state. Real, single-tenant and test
 * discoveries share it, so that they mean the same by it.
 */
import { Channel, Chunk, Clock, Duration, Effect, type Scope, Stream, Subscribable } from "effect"
import type { DiscoveryStatus } from "../DiscoveryStatus.js"
import { StaleTenantView } from "../StaleTenantView.js"
import type { TenantChange } from "../TenantChange.js"
import type { TenantDiscoveryService } from "../TenantDiscoveryService.js"
import type { TenantManagerError } from "../TenantManagerError.js"
import { TenantView } from "../TenantView.js"
import type { Follower, Latest } from "./latest.js"

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

/** What a reader finds in a state that it has not looked at yet. */
type Next<A> = (state: DiscoveryState) => ReadonlyArray<A>

/** What comes of it when `next` finds something in a state, as soon as it does; `end` after the last state. */
const found = <A, B, E, R>(
  state: Latest<DiscoveryState>,
  follower: Follower<DiscoveryState>,
  next: Next<A>,
  on: { readonly some: (found: ReadonlyArray<A>) => Effect.Effect<B, E, R>; readonly end: B }
): Effect.Effect<B, E, R> => {
  const look: Effect.Effect<B, E, R> = Effect.suspend(() => {
    const { current } = state
    const some = next(current)
    if (some.length > 0) return on.some(some)
    if (current.closed) return Effect.succeed(on.end)
    follower.known = current
    return waiting
  })
  const waiting = follower.waiting(look)
  return look
}

/** All that one `next` finds, from when the stream is run. A slow reader gets the latest. */
const streamed = <A>(state: Latest<DiscoveryState>, make: () => Next<A>): Stream.Stream<A> => {
  type Reading = Channel.Channel<Chunk.Chunk<A>>
  const read =
    (next: Next<A>) =>
    (follower: Follower<DiscoveryState>): Reading => {
      const loop: Reading = Channel.unwrap(
        found(state, follower, next, {
          some: (chunk) =>
            Effect.succeed(Channel.zipRight(Channel.write(Chunk.unsafeFromArray(chunk)), loop)),
          end: Channel.void
        })
      )
      return loop
    }
  return Stream.fromChannel(
    Channel.suspend(() => Channel.acquireUseRelease(state.follow, read(make()), state.unfollow))
  )
}

/** What changes, for a reader that knows `seen`. */
const changesSince = (seen: TenantView): Next<TenantChange> => {
  let before = seen
  return ({ view }) => {
    const changes = TenantView.diff(before, view)
    before = view
    return changes
  }
}

/** What `pick` finds in the state now, and each other one to come. */
const picked = <A>(
  state: Latest<DiscoveryState>,
  pick: (state: DiscoveryState) => A,
  same: (one: A, other: A) => boolean
): Stream.Stream<A> =>
  streamed(state, () => {
    let last: ReadonlyArray<A> = []
    return (now) => {
      const found = pick(now)
      if (last.some((before) => same(before, found))) return []
      last = [found]
      return last
    }
  })

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
  state: Latest<DiscoveryState>,
  refresh: Effect.Effect<void, TenantManagerError>
): TenantDiscoveryService => {
  const read = <A>(pick: (state: DiscoveryState) => A): Effect.Effect<A> =>
    Effect.sync(() => pick(state.current))

  /** From the changes one by one to the handler, without a stream in between. */
  const react = <Wanted extends TenantChange, E, R>(
    from: (view: TenantView) => TenantView,
    isWanted: (change: TenantChange) => change is Wanted,
    handler: (change: Wanted) => Effect.Effect<void, E, R>
  ): Effect.Effect<void, never, R | Scope.Scope> =>
    Effect.suspend(() => {
      // What has been seen is settled here, so nothing is lost before the fiber runs.
      const changes = changesSince(from(state.current.view))
      const next: Next<Wanted> = (now) => changes(now).filter(isWanted)
      const tell = (change: Wanted): Effect.Effect<void, never, R> =>
        // One that is behind is not called any more once the discovery is closed.
        state.current.closed ? Effect.void : handled(change, handler(change))
      const loop = (follower: Follower<DiscoveryState>): Effect.Effect<void, never, R> => {
        const turn: Effect.Effect<void, never, R> = found(state, follower, next, {
          some: (wanted) => Effect.zipRight(Effect.forEach(wanted, tell, { discard: true }), turn),
          end: undefined
        })
        return turn
      }
      return Effect.forkScoped(
        Effect.interruptible(Effect.acquireUseRelease(state.follow, loop, state.unfollow))
      )
    })

  return {
    activeTenantIds: read(({ view }) => view.ids),
    activeTenants: read(({ view }) => view.tenants),
    isActive: (id) => read(({ view }) => view.has(id)),
    view: Subscribable.make({
      get: read(({ view }) => view),
      changes: picked(
        state,
        ({ view }) => view,
        (a, b) => a.revision === b.revision && a.mode === b.mode
      )
    }),
    requireFresh: (input) =>
      Effect.gen(function* () {
        const maxAge = Duration.decode(input)
        const { asOf, view } = state.current
        const age = (yield* monotonicMillis) - asOf
        if (age <= Duration.toMillis(maxAge)) return view
        return yield* new StaleTenantView({
          age: Duration.millis(age),
          maxAge,
          mode: view.mode
        })
      }),
    changes: streamed(state, () => changesSince(state.current.view)),
    onTenantAdded: (handler, options) =>
      react(
        (view) => (options?.replay === true ? TenantView.empty : view),
        (change) => change._tag === "Added",
        ({ tenant }) => handler(tenant)
      ),
    onTenantRemoved: (handler) =>
      react(
        (view) => view,
        (change) => change._tag === "Removed",
        ({ cause, tenant }) => handler(tenant, cause)
      ),
    status: Subscribable.make({
      get: read(({ status }) => status),
      changes: picked(
        state,
        ({ status }) => status,
        (a, b) => a === b
      )
    }),
    refresh
  }
}

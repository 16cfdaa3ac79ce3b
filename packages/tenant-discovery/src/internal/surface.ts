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

/** All that one `next` finds, from when the stream is run. A slow reader gets the latest. */
const streamed = <A>(
  state: Latest<DiscoveryState>,
  make: () => (state: DiscoveryState) => ReadonlyArray<A>
): Stream.Stream<A> => {
  type Read = Channel.Channel<Chunk.Chunk<A>>
  const read =
    (next: (state: DiscoveryState) => ReadonlyArray<A>) =>
    (follower: Follower<DiscoveryState>): Read => {
      const pull: Effect.Effect<Read> = Effect.suspend(() => {
        const { current } = state
        const found = next(current)
        if (found.length > 0) {
          return Effect.succeed(Channel.zipRight(Channel.write(Chunk.unsafeFromArray(found)), loop))
        }
        return current.closed ? Effect.succeed(Channel.void) : follower.after(current, pull)
      })
      const loop: Read = Channel.unwrap(pull)
      return loop
    }
  return Stream.fromChannel(
    Channel.suspend(() => Channel.acquireUseRelease(state.follow, read(make()), state.unfollow))
  )
}

/** What changes, for a reader that knows `seen`. */
const changesSince = (
  seen: TenantView
): ((state: DiscoveryState) => ReadonlyArray<TenantChange>) => {
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
  const react = <E, R>(
    from: (view: TenantView) => TenantView,
    handler: (change: TenantChange) => Effect.Effect<void, E, R> | undefined
  ): Effect.Effect<void, never, R | Scope.Scope> =>
    Effect.suspend(() => {
      // What has been seen is settled here, so nothing is lost before the fiber runs.
      const next = changesSince(from(state.current.view))
      const tell = (change: TenantChange): Effect.Effect<void, never, R> => {
        // One that is behind is not called any more once the discovery is closed.
        const effect = state.current.closed ? undefined : handler(change)
        return effect === undefined ? Effect.void : handled(change, effect)
      }
      const loop = (follower: Follower<DiscoveryState>): Effect.Effect<void, never, R> => {
        const turn: Effect.Effect<void, never, R> = Effect.suspend(() => {
          const { current } = state
          const changes = next(current)
          if (changes.length > 0) {
            return Effect.zipRight(Effect.forEach(changes, tell, { discard: true }), turn)
          }
          return current.closed ? Effect.void : follower.after(current, turn)
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
        (change) => (change._tag === "Added" ? handler(change.tenant) : undefined)
      ),
    onTenantRemoved: (handler) =>
      react(
        (view) => view,
        (change) => (change._tag === "Removed" ? handler(change.tenant, change.cause) : undefined)
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

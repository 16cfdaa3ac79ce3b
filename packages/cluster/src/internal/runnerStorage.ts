/**
 * The engine's storage, between the engine and its tables. It learns which shards are this
 * replica's and makes each give-back wait for the runs. The engine itself never sees a failed
 * renewal: it would drop all shards at the first one that takes longer than a refresh interval.
 */
import * as MachineId from "@effect/cluster/MachineId"
import type { Runner } from "@effect/cluster/Runner"
import { RunnerStorage } from "@effect/cluster/RunnerStorage"
import type * as ShardId from "@effect/cluster/ShardId"
import { Effect, Equal, type Scope } from "effect"
import type { ShardLocks } from "./shardLocks.js"

type Storage = (typeof RunnerStorage)["Service"]

export interface Membership {
  readonly storage: Storage
  /** Leaves the ring and gives each shard back when its leases have closed. */
  readonly leave: Effect.Effect<void>
  /** Joins the ring again. */
  readonly join: Effect.Effect<void>
}

const byNumber = (ids: Iterable<ShardId.ShardId>) => [...ids].toSorted((a, b) => a.id - b.id)

export const makeMembership = (options: {
  readonly inner: Storage
  readonly locks: ShardLocks
  readonly self: Runner
  readonly participate: boolean
  /** Runs after each registration. */
  readonly registered: Effect.Effect<void>
}): Effect.Effect<Membership, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => {
    const { inner, locks, self } = options
    let takesPart = options.participate

    const storage = RunnerStorage.of({
      ...inner,
      register: (runner, healthy) =>
        Effect.suspend(() =>
          takesPart
            ? Effect.tap(inner.register(runner, healthy), options.registered)
            : Effect.succeed(MachineId.make(0))
        ),
      // The engine registers a runner that is not in the answer, again and again.
      getRunners: Effect.suspend(() =>
        takesPart
          ? inner.getRunners
          : Effect.map(inner.getRunners, (runners) => [
              ...runners.filter(([runner]) => !Equal.equals(runner, self)),
              [self, true] as const
            ])
      ),
      // All replicas lock rows in the same order: no deadlocks.
      acquire: (address, ids) =>
        Effect.gen(function* () {
          const free = byNumber(ids).filter((id) => locks.mayTake(id.toString()))
          if (!takesPart || free.length === 0) return []
          const taken = yield* inner.acquire(address, free)
          yield* locks.taken(taken.map(String))
          if (!takesPart) yield* locks.retireAll
          return taken
        }).pipe(
          Effect.catchAllCause((cause) =>
            Effect.as(Effect.logDebug("taking shards failed; retrying", cause), [])
          )
        ),
      // The locks are renewed by a loop of their own. This keeps the runner in the ring and the
      // engine's connection in use; the engine hears what is known, at once.
      refresh: (address, ids) =>
        Effect.suspend(() => {
          const held = [...ids].filter((id) => locks.has(id.toString()))
          return Effect.as(Effect.forkIn(Effect.ignore(inner.refresh(address, [])), scope), held)
        }),
      release: (_, id) => Effect.asVoid(locks.giveBack(id.toString())),
      // Not awaited: the engine takes no shard until this returns.
      releaseAll: () => locks.giveBackAll
    })

    return {
      storage,
      leave: Effect.suspend(() => {
        takesPart = false
        return Effect.zipRight(Effect.ignore(inner.unregister(self.address)), locks.retireAll)
      }),
      join: Effect.sync(() => {
        takesPart = true
      })
    }
  })

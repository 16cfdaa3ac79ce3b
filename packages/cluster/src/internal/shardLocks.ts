/**
 * The locks of this replica in the database, and what follows from them for its leases. One loop
 * renews them all, also while the engine is shutting down. What a failed renewal says is "not
 * known": only the leases' own deadline interrupts runs.
 */
import { type Cause, Effect, Exit, Fiber, FiberMap, Option, Schedule, type Scope } from "effect"
import type { Leases } from "./leases.js"
import type { LockRows } from "./lockRows.js"

const RETRY_MILLIS = 100

export interface ShardLocksOptions {
  readonly leases: Leases
  readonly rows: LockRows
  /** In milliseconds, as the following. */
  readonly expiration: number
  readonly margin: number
  readonly refreshInterval: number
  readonly settleDelay: number
  readonly drainTimeout: number
  /** How long one renewal may take. */
  readonly longestStatement: number
}

export interface ShardLocks {
  /** Whether the row of the shard is this replica's, as far as it knows. */
  readonly has: (shard: string) => boolean
  /**
   * Whether the replica may take the shard now. Not while renewals fail: a statement that hangs
   * could take a lock later, without anyone who knows it.
   */
  readonly mayTake: (shard: string) => boolean
  /** The replica's locks were taken: grants them once they are confirmed. */
  readonly taken: (shards: ReadonlyArray<string>) => Effect.Effect<void>
  /**
   * Ends the leases of the shard, waits until they are closed, and deletes its lock. Leases that
   * outlast the bound keep the row: it expires. A second caller waits for the first one's end.
   */
  readonly giveBack: (shard: string) => Effect.Effect<unknown>
  /** Starts to give back every shard. */
  readonly giveBackAll: Effect.Effect<void>
  /** The same without an end of the leases: each shard goes when its own have closed. */
  readonly retireAll: Effect.Effect<void>
  /** Waits until no shard is being given back. */
  readonly settled: Effect.Effect<void>
  /** Set while no renewal has been confirmed for as long as a lease lasts. */
  readonly problem: Effect.Effect<string | undefined>
}

export const makeShardLocks = (
  options: ShardLocksOptions
): Effect.Effect<ShardLocks, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { expiration, leases, margin, refreshInterval, rows } = options
    const locked = new Set<string>()
    const givingBack = yield* FiberMap.make<string, void, never>()
    const renewing = yield* Effect.makeSemaphore(1)
    const releasing = yield* Effect.makeSemaphore(1)
    /** Shards whose runs have ended and whose locks are not deleted yet. */
    const waiting = new Set<string>()
    let settledAt = leases.now() + options.settleDelay
    /** Why the last renewal failed. */
    let failure: Cause.Cause<unknown> | undefined
    let isStalled = false
    /** Until when the last confirmed renewal counts, also that of a replica without locks. */
    let confirmedUntil = leases.now() + expiration - margin

    /** The database confirmed at `at` or later which of the shards are this replica's. */
    const confirm = (
      asked: ReadonlyArray<string>,
      held: ReadonlyMap<string, bigint | undefined>,
      at: number
    ) =>
      Effect.gen(function* () {
        const deadline = at + expiration - margin
        confirmedUntil = deadline
        const lost = asked.filter((shard) => locked.has(shard) && !held.has(shard))
        for (const shard of lost) locked.delete(shard)
        yield* leases.end(lost)
        const fences = new Map<string, bigint>()
        for (const [shard, fence] of held) {
          if (!locked.has(shard)) continue
          leases.extend(shard, deadline)
          if (fence !== undefined && !FiberMap.unsafeHas(givingBack, shard)) {
            fences.set(shard, fence)
          }
        }
        yield* leases.grant(fences, deadline)
        if (!isStalled) return
        isStalled = false
        settledAt = leases.now() + options.settleDelay
        yield* Effect.logInfo(
          `leases renewed: the database answers; ${leases.granted()} shards are this replica's again, ` +
            `${lost.length} went to others`
        )
      })

    const renew = (shards: ReadonlyArray<string>) =>
      Effect.suspend(() => {
        const at = leases.now()
        const withoutFence = shards.filter(
          (shard) => !leases.isGranted(shard) && !FiberMap.unsafeHas(givingBack, shard)
        )
        return rows.renew(shards, withoutFence).pipe(
          // A statement that hangs is left to end in the background: interrupting it takes seconds.
          Effect.disconnect,
          Effect.timeout(options.longestStatement),
          Effect.flatMap((held) => confirm(shards, held, at)),
          Effect.onExit((exit) =>
            Effect.sync(() => {
              failure = Exit.isFailure(exit) ? exit.cause : undefined
            })
          )
        )
      }).pipe(renewing.withPermits(1))

    const keepRenewing = Effect.gen(function* () {
      const started = leases.now()
      const exit = yield* Effect.exit(Effect.suspend(() => renew([...locked].sort())))
      const rest = refreshInterval - (leases.now() - started)
      yield* Effect.sleep(Exit.isSuccess(exit) ? Math.max(0, rest) : RETRY_MILLIS)
    })

    // A grant that comes meanwhile has a deadline that is further away than this sleeps.
    const expire = Effect.gen(function* () {
      const untilNext = leases.nextDeadline() - leases.now()
      yield* Effect.sleep(Math.max(0, Math.min(refreshInterval, Math.ceil(untilNext))))
      const expired = yield* leases.expire
      if (expired.shards === 0 || isStalled) return
      isStalled = true
      yield* Effect.logWarning(
        `leases expired: the database confirmed none for ${expiration - margin} ms; ` +
          `interrupting ${expired.leases} runs and retrying`,
        ...(failure === undefined ? [] : [failure])
      )
    })

    /** One statement deletes the locks of all shards that wait, as when a replica leaves. */
    const releaseWaiting = (shard: string) =>
      Effect.gen(function* () {
        // Shards that are given back with this one join it.
        yield* Effect.yieldNow()
        if (!waiting.has(shard)) return
        const shards = [...waiting]
        waiting.clear()
        yield* rows.release(shards).pipe(
          Effect.disconnect,
          Effect.timeout(options.longestStatement),
          Effect.onError(() =>
            Effect.sync(() => {
              for (const failed of shards) waiting.add(failed)
            })
          )
        )
      }).pipe(releasing.withPermits(1))

    const release = (shard: string) =>
      Effect.zipRight(
        Effect.sync(() => waiting.add(shard)),
        Effect.retry(releaseWaiting(shard), Schedule.spaced(RETRY_MILLIS))
      ).pipe(
        Effect.timeoutOption(expiration),
        Effect.ignore,
        Effect.ensuring(Effect.sync(() => waiting.delete(shard)))
      )

    const drainAndRelease = Effect.fnUntraced(function* (shard: string) {
      const drained = yield* Effect.timeoutOption(leases.drained(shard), options.drainTimeout)
      yield* leases.end([shard])
      if (Option.isSome(drained)) {
        yield* release(shard)
      } else {
        yield* Effect.logWarning(
          `leases of ${leases.holders(shard).join(", ")} are held for longer than drainTimeout: ` +
            `the lock of shard ${shard} expires instead`
        )
      }
      locked.delete(shard)
    })

    const startGivingBack = (shard: string) =>
      Effect.suspend(() =>
        Option.match(FiberMap.unsafeGet(givingBack, shard), {
          onNone: () => FiberMap.run(givingBack, shard, drainAndRelease(shard)),
          onSome: Effect.succeed
        })
      )

    const giveBack = (shard: string) => Effect.zipRight(leases.end([shard]), startGivingBack(shard))

    yield* Effect.forkScoped(Effect.forever(keepRenewing))
    yield* Effect.forkScoped(Effect.forever(expire))

    return {
      has: (shard) => locked.has(shard),
      mayTake: (shard) =>
        failure === undefined &&
        leases.now() >= settledAt &&
        !FiberMap.unsafeHas(givingBack, shard),
      taken: (shards) =>
        Effect.suspend(() => {
          for (const shard of shards) locked.add(shard)
          return Effect.ignore(renew(shards))
        }),
      giveBack: (shard) => Effect.flatMap(giveBack(shard), Fiber.await),
      giveBackAll: Effect.suspend(() => Effect.forEach([...locked], giveBack, { discard: true })),
      retireAll: Effect.suspend(() =>
        Effect.zipRight(
          leases.retire(locked),
          Effect.forEach([...locked], startGivingBack, { discard: true })
        )
      ),
      settled: FiberMap.awaitEmpty(givingBack),
      problem: Effect.sync(() =>
        leases.now() < confirmedUntil
          ? undefined
          : "the database of the cluster confirms no lease: this replica works for no tenant until it does"
      )
    }
  })

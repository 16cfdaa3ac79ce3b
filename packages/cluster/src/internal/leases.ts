/**
 * The leases of this replica, in memory. A shard's grant is valid until its deadline, which each
 * renewal moves. The leases of its tenants are lost with it. A tenant is owned again only when its
 * lost leases have closed, so that a run that is slow to stop delays its own tenant alone.
 */
import { type Clock, Effect, type Scope, SubscriptionRef } from "effect"
import { type Lease, type TenantId, TenantNotAssigned } from "tenant-discovery"

/** A time of the monotonic clock in milliseconds. */
export type Monotonic = number

export interface Expired {
  readonly shards: number
  /** How many leases were held. */
  readonly leases: number
}

export interface Leases {
  readonly now: () => Monotonic
  /** Grows when the answer of `owns` may have changed. */
  readonly revision: SubscriptionRef.SubscriptionRef<number>
  readonly owns: (shard: string, id: TenantId) => boolean
  readonly hold: (
    shard: string,
    id: TenantId
  ) => Effect.Effect<Lease, TenantNotAssigned, Scope.Scope>
  readonly isGranted: (shard: string) => boolean
  /** How many shards are granted. */
  readonly granted: () => number
  /** Moves the deadline of a valid grant. */
  readonly extend: (shard: string, deadline: Monotonic) => void
  /** Grants shards that have no valid grant, each with its new fence. */
  readonly grant: (fences: ReadonlyMap<string, bigint>, deadline: Monotonic) => Effect.Effect<void>
  /** No lease is given any more; those that are held stay valid until they close or are ended. */
  readonly retire: (shards: Iterable<string>) => Effect.Effect<void>
  /** Ends grants: their leases are lost. */
  readonly end: (shards: Iterable<string>) => Effect.Effect<void>
  /** The earliest deadline of a grant; `Infinity` without grants. */
  readonly nextDeadline: () => Monotonic
  /** Ends the grants whose deadline has passed. */
  readonly expire: Effect.Effect<Expired>
  /** The tenants of the shard whose leases are held. */
  readonly holders: (shard: string) => ReadonlyArray<TenantId>
  /** Waits until no lease of the shard is held. */
  readonly drained: (shard: string) => Effect.Effect<void>
}

interface Grant {
  readonly fence: bigint
  deadline: Monotonic
  isRetired: boolean
}

interface Holder {
  readonly id: TenantId
  readonly grant: Grant
  readonly lost: Effect.Latch
  isLost: boolean
}

class Shard {
  grant: Grant | undefined
  readonly holders = new Set<Holder>()
  readonly drained = Effect.unsafeMakeLatch(true)

  add(holder: Holder) {
    this.holders.add(holder)
    this.drained.unsafeClose()
  }

  remove(holder: Holder) {
    this.holders.delete(holder)
    if (this.holders.size === 0) this.drained.unsafeOpen()
  }

  hasLost(id: TenantId): boolean {
    for (const holder of this.holders) if (holder.isLost && holder.id === id) return true
    return false
  }

  end() {
    this.grant = undefined
    for (const holder of this.holders) {
      holder.isLost = true
      holder.lost.unsafeOpen()
    }
  }
}

export const makeLeases = (clock: Clock.Clock): Effect.Effect<Leases> =>
  Effect.map(SubscriptionRef.make(0), (revision) => {
    const shards = new Map<string, Shard>()
    const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
    const changed = SubscriptionRef.update(revision, (count) => count + 1)

    const shardOf = (name: string): Shard => {
      const known = shards.get(name)
      if (known !== undefined) return known
      const made = new Shard()
      shards.set(name, made)
      return made
    }
    const validGrant = (shard: string): Grant | undefined => {
      const grant = shards.get(shard)?.grant
      return grant !== undefined && now() < grant.deadline ? grant : undefined
    }
    const owned = (shard: string, id: TenantId): Grant | undefined => {
      const grant = shards.get(shard)?.hasLost(id) === true ? undefined : validGrant(shard)
      return grant?.isRetired === true ? undefined : grant
    }

    const hold = (name: string, id: TenantId) =>
      Effect.acquireRelease(
        Effect.suspend(() => {
          const grant = owned(name, id)
          if (grant === undefined) {
            const message = `tenant ${id} is not assigned to this replica`
            return new TenantNotAssigned({ message, tenantId: id })
          }
          const holder = { id, grant, lost: Effect.unsafeMakeLatch(false), isLost: false }
          shardOf(name).add(holder)
          return Effect.succeed(holder)
        }),
        (holder) =>
          Effect.suspend(() => {
            shards.get(name)?.remove(holder)
            return holder.isLost && owned(name, id) !== undefined ? changed : Effect.void
          })
      ).pipe(
        Effect.map((holder): Lease => ({
          tenantId: id,
          fence: holder.grant.fence,
          isValid: Effect.sync(() => !holder.isLost && now() < holder.grant.deadline),
          lost: holder.lost.await
        }))
      )

    const end = (names: Iterable<string>) =>
      Effect.suspend(() => {
        const ended = [...names].map(shardOf).filter((shard) => shard.grant !== undefined)
        for (const shard of ended) shard.end()
        return ended.length > 0 ? changed : Effect.void
      })

    return {
      now,
      revision,
      owns: (shard, id) => owned(shard, id) !== undefined,
      hold,
      isGranted: (shard) => validGrant(shard) !== undefined,
      granted: () => [...shards.keys()].filter((shard) => validGrant(shard) !== undefined).length,
      extend: (shard, deadline) => {
        const grant = validGrant(shard)
        if (grant !== undefined) grant.deadline = Math.max(grant.deadline, deadline)
      },
      grant: (fences, deadline) =>
        Effect.suspend(() => {
          for (const [name, fence] of fences) {
            if (validGrant(name) !== undefined) continue
            const shard = shardOf(name)
            shard.end()
            shard.grant = { fence, deadline, isRetired: false }
          }
          return fences.size > 0 ? changed : Effect.void
        }),
      retire: (names) =>
        Effect.suspend(() => {
          for (const name of names) {
            const grant = shards.get(name)?.grant
            if (grant !== undefined) grant.isRetired = true
          }
          return changed
        }),
      end,
      nextDeadline: () =>
        [...shards.values()].reduce(
          (earliest, { grant }) => Math.min(earliest, grant?.deadline ?? Infinity),
          Infinity
        ),
      expire: Effect.suspend(() => {
        const past = [...shards].filter(
          ([, { grant }]) => grant !== undefined && grant.deadline <= now()
        )
        const held = past.flatMap(([, { holders }]) => [...holders].filter(({ isLost }) => !isLost))
        return Effect.as(end(past.map(([name]) => name)), {
          shards: past.length,
          leases: held.length
        })
      }),
      holders: (shard) => [...shardOf(shard).holders].map(({ id }) => id),
      drained: (shard) => shardOf(shard).drained.await
    }
  })

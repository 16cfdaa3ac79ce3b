/**
 * The resources of all tenants, each shared by its users, and which tenants have a place.
 *
 * Not built on `RcMap`, which builds twice under concurrent first calls, caches failures,
 * shows the first caller's context to the build, and closes in sequence without a bound.
 */
import { Cause, type Context, Deferred, Duration, Effect, Exit, Scope, Stream } from "effect"
import type { TenantId } from "../../Tenant.js"
import { TenantConnections } from "../../TenantConnections.js"
import { TenantDiscovery } from "../../TenantDiscovery.js"
import { boundedWait } from "../boundedWait.js"
import type { PoolReport } from "../health/healthReport.js"
import { pools as registry } from "../health/registrations.js"
import {
  type TenantLayerError,
  TenantLayersClosed,
  TenantNotActive,
  TenantPoolsExhausted
} from "./poolErrors.js"
import type { PoolSettings } from "./poolOptions.js"
import { makePlaceWaits } from "./placeWaits.js"
import { makePoolMetrics } from "./poolMetrics.js"
import {
  makeResources,
  type PoolFunctions,
  Resource,
  type Revoke,
  TenantEntry
} from "./resource.js"

/** What a caller holds. Two holds of the same resource have the same `resource`. */
export interface Acquired<A> {
  readonly resource: object
  readonly context: Context.Context<A>
}

export interface Pool<A, E> {
  /** The tenant's resource, held until the scope closes. Each call has a `holder` of its own. */
  readonly acquire: (
    id: TenantId,
    holder: Revoke
  ) => Effect.Effect<Acquired<A>, E | TenantLayerError, Scope.Scope>
  /** The next user gets a new resource. */
  readonly invalidate: (id: TenantId) => Effect.Effect<void>
}

/** What the close waits for at most, besides the drain and the close timeout. */
const LAST_WAIT = 1000

export const make = <A, E, R>(settings: PoolSettings, functions: PoolFunctions<A, E, R>) =>
  Effect.gen(function* () {
    type Entry = TenantEntry<A, E>
    const discovery = yield* TenantDiscovery
    const connections = yield* TenantConnections
    const capacity = settings.maxTenants || Infinity
    const closedError = new TenantLayersClosed({ pool: settings.name })
    const entries = new Map<TenantId, Entry>()
    /** The tenants that asked for a place, in order: as many as the capacity have one, with all their resources. */
    const places = new Set<Entry>()
    let closed = false
    const metrics = yield* makePoolMetrics(settings)
    const countPlaces = () =>
      metrics.inUse.unsafeUpdate(closed ? 0 : Math.min(places.size, capacity), metrics.labels)

    /** Wakes who waits for a change of the entry; frees its place and forgets it where nothing is left. */
    const settle = (entry: Entry): void => {
      entry.wake()
      if (entry.callers > 0 || entry.resources.size > 0) return
      if (entry.failure === undefined) entries.delete(entry.id)
      if (!places.delete(entry)) return
      countPlaces()
      ;[...places][capacity - 1]?.wake()
    }
    const life = yield* makeResources(settings, functions, settle)

    const withPlace = (): ReadonlyArray<Entry> => [...places].slice(0, capacity)

    /** How many tenants wait for a place that nothing frees yet. */
    const unserved = (): number =>
      places.size - capacity - withPlace().filter(({ isFreeing }) => isFreeing).length

    const reportWait = yield* makePlaceWaits(settings, metrics, () => unserved() > 0)

    /** Closes the least recently used idle resources for the tenants that wait. */
    const makeRoom = (): void => {
      if (places.size <= capacity) return
      const idle = withPlace().flatMap(({ idle }) => (idle === undefined ? [] : [idle]))
      idle.sort((a, b) => (a.idleSince ?? 0) - (b.idleSince ?? 0))
      for (const resource of idle.slice(0, Math.max(0, unserved()))) life.close(resource)
    }

    const exhausted = (entry: Entry): TenantPoolsExhausted => {
      const { acquireTimeout, maxTenants, maxTenantsName, name } = settings
      const waited = Duration.millis(acquireTimeout)
      const within = `within ${Duration.format(waited)}`
      const message = withPlace().includes(entry)
        ? `${name}: a former resource of tenant ${entry.id} was not closed ${within}`
        : `${name}: ${maxTenants} tenants hold resources and none became free ${within}; raise ${maxTenantsName} or use fewer tenants at once`
      return new TenantPoolsExhausted({ tenantId: entry.id, maxTenants, waited, message })
    }

    const acquire = (id: TenantId, holder: Revoke) => {
      const deadline = life.now() + settings.acquireTimeout

      const join = (resource: Resource<A, E>): Resource<A, E> => {
        resource.holders.add(holder)
        resource.idleSince = undefined
        return resource
      }

      const leave = Effect.sync(() => {
        for (const resource of entries.get(id)?.resources ?? []) life.leave(resource, holder)
        makeRoom()
      })

      /** Joins the tenant's resource, or starts to build it when the tenant has a place. */
      const find = (entry: Entry): Effect.Effect<Resource<A, E>, E | TenantLayerError> =>
        Effect.gen(function* () {
          if (closed) return yield* closedError
          const tenant = (yield* discovery.view.get).get(id)
          if (tenant === undefined) return yield* new TenantNotActive({ tenantId: id })
          const settled = yield* connections.get(id)
          const scope = yield* Scope.make()
          // Looks and acts before the next yield: no other fiber runs between.
          if (closed) return yield* closedError
          life.adopt(entry, settled)
          const { current, failure, resources } = entry
          if (current?.connections.revision === settled.revision) return join(current)
          // Settings that were overtaken since they were read are read again.
          if (current !== undefined) return yield* find(entry)
          if (failure !== undefined && life.now() < failure.until) {
            return yield* Effect.failCause(failure.cause)
          }
          places.add(entry)
          countPlaces()
          makeRoom()
          // One resource closes at a time, and one retired one may be in use beside the current one.
          const isFree =
            resources.size <= 1 && [...resources].every(({ state }) => state !== "Closing")
          const hasPlace = withPlace().includes(entry)
          if (isFree && hasPlace) {
            const resource = join(new Resource(entry, tenant, scope, settled))
            life.start(resource)
            return resource
          }
          const change = Effect.timeoutFail(Deferred.await(entry.changed), {
            duration: Math.max(deadline - life.now(), 0),
            onTimeout: () => exhausted(entry)
          })
          yield* hasPlace ? change : reportWait(change)
          return yield* find(entry)
        })

      const enter = Effect.sync(() => {
        const entry = entries.get(id) ?? new TenantEntry<A, E>(id)
        entries.set(id, entry)
        entry.callers++
        return entry
      })
      const exit = (entry: Entry) =>
        Effect.sync(() => {
          entry.callers--
          settle(entry)
        })

      const use: Effect.Effect<Acquired<A>, E | TenantLayerError> = Effect.gen(function* () {
        const resource = yield* Effect.acquireUseRelease(enter, find, exit)
        const { revision } = resource.connections
        const built = yield* Effect.exit(Deferred.await(resource.built))
        if (Exit.isSuccess(built)) return { resource, context: built.value }
        // A build that was ended, or that a rotation may have made fail, is done again.
        const isOutdated =
          Cause.isInterruptedOnly(built.cause) ||
          (life.now() < deadline && !(yield* connections.isCurrent(id, revision)))
        if (!isOutdated) return yield* Effect.failCause(built.cause)
        yield* leave
        return yield* use
      })
      return Effect.zipRight(
        Effect.addFinalizer(() => leave),
        use
      )
    }

    /** Work in progress has the drain to end and is then revoked; all is released, within a bound. */
    const closeAll = Effect.gen(function* () {
      closed = true
      for (const entry of entries.values()) {
        for (const resource of entry.resources) life.retire(resource, closedError)
        entry.wake()
      }
      const left = () => [...entries.values()].filter(({ resources }) => resources.size > 0)
      const released: Effect.Effect<void> = Effect.suspend(() => {
        const [first] = left()
        return first === undefined
          ? Effect.void
          : Effect.zipRight(Deferred.await(first.changed), released)
      })
      const limit = settings.drain + settings.closeTimeout + LAST_WAIT
      if ((yield* boundedWait(released, limit))._tag === "Some") return
      const tenants = left().map(({ id }) => id)
      for (const { resources } of left()) for (const { next } of resources) life.stop(next)
      yield* Effect.logWarning(
        `${settings.name}: closed before the resources of these tenants were released: ${tenants.join(", ")}`
      )
    })
    yield* Effect.addFinalizer(() => closeAll)

    yield* connections.changes.pipe(
      Stream.runForEach((change) =>
        Effect.sync(() => {
          const entry = entries.get(change.tenant.id)
          if (entry === undefined) return
          if (change._tag === "Reloaded") life.adopt(entry, change.connections)
          else entry.failure = undefined
          if (change._tag === "Removed") entry.resources.forEach(life.remove)
          settle(entry)
        })
      ),
      Effect.interruptible,
      Effect.forkScoped
    )
    // The reader above is registered before the first resource is built.
    yield* Effect.yieldNow()

    /** A report about a tenant that the pool has something of. */
    const report = (id: TenantId): PoolReport | undefined => {
      const entry = entries.get(id)
      if (entry === undefined) return undefined
      const { current, failure, lastFailure, resources } = entry
      const without = failure === undefined ? "Waiting" : "Failed"
      return {
        pool: settings.name,
        state: current?.state ?? (resources.size > 0 ? "Closing" : without),
        holders: [...resources].reduce((sum, { holders }) => sum + holders.size, 0),
        lastFailure
      }
    }
    yield* registry.register(report)

    return {
      acquire: (id, holder) => Effect.suspend(() => acquire(id, holder)),
      invalidate: (id) =>
        Effect.sync(() => {
          const entry = entries.get(id)
          if (entry === undefined) return
          entry.failure = undefined
          if (entry.current !== undefined) life.replace(entry.current)
        })
    } satisfies Pool<A, E>
  })

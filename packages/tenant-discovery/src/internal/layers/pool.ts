/**
 * The resources of all tenants, each shared by its users.
 *
 * Not built on `RcMap`, which builds twice under concurrent first calls, caches failures,
 * shows the first caller's context to the build, and closes in sequence without a bound.
 */
import { type Context, Deferred, Duration, Effect, Exit, Scope, Stream } from "effect"
import type { TenantId } from "../../Tenant.js"
import { TenantConnections } from "../../TenantConnections.js"
import { TenantDiscovery } from "../../TenantDiscovery.js"
import {
  type TenantLayerError,
  TenantLayersClosed,
  TenantNotActive,
  TenantPoolsExhausted
} from "./poolErrors.js"
import type { PoolSettings } from "./poolOptions.js"
import { makeResourceLife, type PoolFunctions } from "./resourceLife.js"
import { Resource, type Revoke, TenantEntries, type TenantEntry } from "./tenantEntries.js"

/** What a caller holds. Two holds of the same resource have the same `resource`. */
export interface Acquired<A> {
  readonly resource: object
  readonly context: Context.Context<A>
}

export interface Pool<A, E> {
  /** The tenant's resource, held until the scope closes. */
  readonly acquire: (
    id: TenantId,
    holder: Revoke
  ) => Effect.Effect<Acquired<A>, E | TenantLayerError, Scope.Scope>
  /** The next user gets a new resource. */
  readonly invalidate: (id: TenantId) => Effect.Effect<void>
}

export const make = <A, E, R>(settings: PoolSettings, functions: PoolFunctions<A, E, R>) =>
  Effect.gen(function* () {
    const discovery = yield* TenantDiscovery
    const connections = yield* TenantConnections
    const entries = new TenantEntries<A, E>(settings.maxTenants || Infinity)
    const life = yield* makeResourceLife(settings, functions, entries)
    yield* Effect.addFinalizer(() => life.closeAll)
    const closedError = new TenantLayersClosed({ pool: settings.name })

    /** Waits for the next change of the entry, until `deadline`. */
    const awaitChange = (entry: TenantEntry<A, E>, deadline: number) =>
      Effect.timeoutFail(Deferred.await(entry.changed), {
        duration: Math.max(deadline - life.now(), 0),
        onTimeout: () => {
          const { acquireTimeout, maxTenants, maxTenantsName, name } = settings
          const waited = Duration.millis(acquireTimeout)
          const within = `within ${Duration.format(waited)}`
          return new TenantPoolsExhausted({
            tenantId: entry.id,
            maxTenants,
            waited,
            message: entry.hasPlace
              ? `${name}: a former resource of tenant ${entry.id} was not closed ${within}`
              : `${name}: ${maxTenants} tenants hold resources and none became free ${within}; raise ${maxTenantsName} or use fewer tenants at once`
          })
        }
      })

    const acquireUntil = (
      id: TenantId,
      holder: Revoke,
      deadline: number
    ): Effect.Effect<Acquired<A>, E | TenantLayerError, Scope.Scope> =>
      Effect.uninterruptibleMask((restore) => {
        const entry = entries.getOrMake(id)
        const notActive = () => new TenantNotActive({ tenantId: id })
        entry.callers++

        const join = (resource: Resource<A, E>): Resource<A, E> => {
          resource.holders.add(holder)
          resource.idleSince = undefined
          return resource
        }

        const attempt: Effect.Effect<Resource<A, E>, E | TenantLayerError> = Effect.gen(
          function* () {
            if (life.isClosed()) return yield* closedError
            if (!(yield* discovery.isActive(id))) return yield* notActive()
            const settled = yield* restore(connections.get(id))
            const tenant = (yield* discovery.view.get).get(id)
            const scope = yield* Scope.make()
            // Looks and acts before the next yield: no other fiber runs between.
            if (life.isClosed()) return yield* closedError
            if (tenant === undefined) return yield* notActive()
            life.adopt(entry, settled)
            const { current, failure } = entry
            // Settings that were overtaken since they were read are read again.
            if (current !== undefined) {
              return current.connections.revision === settled.revision
                ? join(current)
                : yield* attempt
            }
            if (failure !== undefined && life.now() < failure.until) {
              return yield* Effect.failCause(failure.cause)
            }
            entries.requestPlace(entry)
            life.makeRoom()
            if (entry.hasPlace && entry.canBuild) {
              const resource = join(new Resource(entry, tenant, scope, settled))
              yield* life.start(resource)
              return resource
            }
            yield* restore(awaitChange(entry, deadline))
            return yield* attempt
          }
        )

        const use = (resource: Resource<A, E>) =>
          Effect.gen(function* () {
            yield* Effect.addFinalizer(() => Effect.sync(() => life.leave(resource, holder)))
            const { revision } = resource.connections
            const exit = yield* restore(Effect.exit(Deferred.await(resource.built)))
            if (Exit.isSuccess(exit)) return { resource, context: exit.value }
            if (life.isClosed()) return yield* closedError
            if (resource.retired === "Removed") return yield* notActive()
            const isOutdated =
              resource.retired === "Replaced" || !(yield* connections.isCurrent(id, revision))
            if (!isOutdated || life.now() >= deadline) return yield* Effect.failCause(exit.cause)
            life.leave(resource, holder)
            return yield* acquireUntil(id, holder, deadline)
          })

        return attempt.pipe(
          Effect.onExit(() =>
            Effect.sync(() => {
              entry.callers--
              entries.settle(entry)
            })
          ),
          Effect.flatMap(use)
        )
      })

    yield* connections.changes.pipe(
      Stream.runForEach((change) =>
        Effect.sync(() => {
          const entry = entries.get(change.tenant.id)
          if (entry === undefined) return
          if (change._tag === "Reloaded") life.adopt(entry, change.connections)
          else {
            entry.failure = undefined
            entry.failures = 0
          }
          if (change._tag === "Removed") {
            for (const resource of entry.resources) life.retire(resource, "Removed")
          }
          entries.settle(entry)
        })
      ),
      Effect.interruptible,
      Effect.forkScoped
    )
    // The reader above is registered before the first resource is built.
    yield* Effect.yieldNow()

    return {
      acquire: (id, holder) =>
        Effect.suspend(() => acquireUntil(id, holder, life.now() + settings.acquireTimeout)),
      invalidate: (id) =>
        Effect.sync(() => {
          const entry = entries.get(id)
          if (entry === undefined) return
          entry.failure = undefined
          if (entry.current !== undefined) life.retire(entry.current, "Replaced")
        })
    } satisfies Pool<A, E>
  })

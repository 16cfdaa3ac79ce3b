/**
 * The resources of all tenants, each shared by its users.
 *
 * Not built on `RcMap`, which builds twice under concurrent first calls, caches failures,
 * shows the first caller's context to the build, and closes in sequence without a bound.
 */
import { type Context, Deferred, Duration, Effect, Exit, Fiber, Scope, Stream } from "effect"
import type { Tenant, TenantId } from "../../Tenant.js"
import { type Connections, TenantConnections } from "../../TenantConnections.js"
import { TenantDiscovery } from "../../TenantDiscovery.js"
import { boundedWait } from "../boundedWait.js"
import {
  type TenantLayerError,
  TenantLayersClosed,
  TenantNotActive,
  TenantPoolsExhausted
} from "./poolErrors.js"
import type { PoolSettings } from "./poolOptions.js"
import { makeResourceLife, type PoolFunctions } from "./resourceLife.js"
import { type Holder, Resource, TenantEntries, type TenantEntry } from "./tenantEntries.js"

/** What a caller holds. Two holds of the same resource have the same `resource`. */
export interface Acquired<A> {
  readonly resource: object
  readonly context: Context.Context<A>
}

export interface Pool<A, E> {
  /** The tenant's resource, held until the scope closes. */
  readonly acquire: (
    id: TenantId,
    holder: Holder
  ) => Effect.Effect<Acquired<A>, E | TenantLayerError, Scope.Scope>
  /** The next user gets a new resource. */
  readonly invalidate: (id: TenantId) => Effect.Effect<void>
}

/** What the close waits for at least, for finalizers, when the holders took the rest of its time. */
const LAST_WAIT = 1000

export const make = <A, E, R>(
  settings: PoolSettings,
  functions: PoolFunctions<A, E, R>
): Effect.Effect<Pool<A, E>, never, R | TenantConnections | TenantDiscovery | Scope.Scope> =>
  Effect.gen(function* () {
    const discovery = yield* TenantDiscovery
    const connections = yield* TenantConnections
    const entries = new TenantEntries<A, E>(settings.maxTenants || Infinity)
    const life = makeResourceLife<A, E, R>({
      settings,
      functions,
      entries,
      runtime: yield* Effect.runtime<R>(),
      scope: yield* Effect.scope,
      clock: yield* Effect.clock,
      discovery,
      connections
    })
    let closed = false

    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        closed = true
        life.unused.unsafeClose()
        entries.wakeAll()
        const used: Array<Resource<A, E>> = []
        for (const resource of entries.resources) {
          if (resource.isUsed && resource.state === "Ready") used.push(resource)
          else life.close(resource)
        }
        let closeBy = life.now() + settings.closeTimeout
        if (used.length > 0) {
          const drained = yield* boundedWait(life.unused.await, settings.drain)
          closeBy = life.now() + settings.closeTimeout
          if (drained._tag === "None") {
            yield* Effect.forEach(used, (resource) => life.revoke(resource, "Closed"), {
              discard: true
            })
            yield* boundedWait(life.unused.await, settings.closeTimeout)
          }
          for (const resource of used) life.close(resource)
        }
        const limit = Math.max(closeBy - life.now(), LAST_WAIT)
        const released = yield* boundedWait(Fiber.awaitAll([...life.closers.keys()]), limit)
        if (released._tag === "None") {
          const tenants = [...new Set(life.abandon())].join(", ")
          yield* Effect.logWarning(
            `${settings.name}: closed before the resources of these tenants were released: ${tenants}`
          )
        }
      })
    )

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
      holder: Holder,
      deadline: number
    ): Effect.Effect<Acquired<A>, E | TenantLayerError, Scope.Scope> =>
      Effect.uninterruptibleMask((restore) => {
        const entry = entries.getOrMake(id)
        entry.callers++

        const join = (resource: Resource<A, E>): Resource<A, E> => {
          resource.holders.add(holder)
          resource.idleSince = undefined
          return resource
        }

        /** Looks and acts in one step, since other fibers may run between two. */
        const decide = (
          settled: Connections,
          tenant: Tenant,
          scope: Scope.CloseableScope
        ): Effect.Effect<Resource<A, E> | undefined, E | TenantLayerError> => {
          if (closed) return new TenantLayersClosed({ pool: settings.name })
          life.adopt(entry, settled)
          const { current, failure } = entry
          if (current !== undefined) {
            // Settings that were overtaken since they were read are read again.
            return Effect.succeed(
              current.connections.revision === settled.revision ? join(current) : undefined
            )
          }
          if (failure !== undefined) return Effect.failCause(failure.cause)
          for (const idle of entries.requestPlace(entry)) life.close(idle)
          if (!entry.hasPlace || !entry.canBuild) {
            return Effect.as(restore(awaitChange(entry, deadline)), undefined)
          }
          const resource = join(new Resource(entry, tenant, scope, settled))
          return Effect.as(life.start(resource), resource)
        }

        const attempt: Effect.Effect<Resource<A, E>, E | TenantLayerError> = Effect.gen(
          function* () {
            if (closed) return yield* new TenantLayersClosed({ pool: settings.name })
            if (!(yield* discovery.isActive(id)))
              return yield* new TenantNotActive({ tenantId: id })
            const settled = yield* restore(connections.get(id))
            const tenant = (yield* discovery.view.get).get(id)
            if (tenant === undefined) return yield* new TenantNotActive({ tenantId: id })
            const scope = yield* Scope.make()
            const resource = yield* Effect.suspend(() => decide(settled, tenant, scope))
            return resource ?? (yield* attempt)
          }
        )

        const use = (resource: Resource<A, E>) =>
          Effect.gen(function* () {
            yield* Effect.addFinalizer(() =>
              Effect.sync(() => life.leave(resource, holder, closed))
            )
            const { revision } = resource.connections
            const exit = yield* restore(Effect.exit(Deferred.await(resource.built)))
            if (Exit.isSuccess(exit)) return { resource, context: exit.value }
            if (closed) return yield* new TenantLayersClosed({ pool: settings.name })
            if (resource.retired === "Removed") return yield* new TenantNotActive({ tenantId: id })
            const isOutdated =
              resource.retired === "Replaced" || !(yield* connections.isCurrent(id, revision))
            if (!isOutdated || life.now() >= deadline) return yield* Effect.failCause(exit.cause)
            life.leave(resource, holder, closed)
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
    }
  })

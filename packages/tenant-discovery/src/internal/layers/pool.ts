/**
 * The resources of all tenants, each shared by whoever uses it.
 *
 * Not on `RcMap`: it knows one resource a key, so the release of a rotated one
 * would take the new one out; it has no order among those who wait for a place;
 * and it cannot close what is still held.
 */
import {
  type Cause,
  type Context,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  FiberMap,
  Layer,
  Scope,
  Stream
} from "effect"
import type { Tenant, TenantId } from "../../Tenant.js"
import { type Connections, TenantConnections } from "../../TenantConnections.js"
import { TenantDiscovery } from "../../TenantDiscovery.js"
import {
  type TenantLayerError,
  TenantLayersClosed,
  TenantNotActive,
  TenantPoolsExhausted
} from "./errors.js"
import { type Holder, Resource, Table } from "./resource.js"
import { Slots, type Waiter } from "./slots.js"

/** Times in milliseconds. */
export interface PoolSettings {
  readonly name: string
  readonly maxTenants: number
  readonly idleTimeout: number
  readonly acquireTimeout: number
  readonly rotationGrace: number
  readonly removalGrace: number
  readonly closeTimeout: number
  readonly buildBackoff: number
  readonly buildBackoffCap: number
}

export type Lookup<A, E, R> = (connections: Connections, tenant: Tenant) => Layer.Layer<A, E, R>

export interface Pool<A, E> {
  /** What was built for the tenant; held until the scope closes. */
  readonly acquire: (
    id: TenantId,
    holder: Holder
  ) => Effect.Effect<Context.Context<A>, E | TenantLayerError, Scope.Scope>
  /** The next user gets a new one. */
  readonly invalidate: (id: TenantId) => Effect.Effect<void>
}

export const make = <A, E, R>(
  settings: PoolSettings,
  lookup: Lookup<A, E, R>
): Effect.Effect<Pool<A, E>, never, R | TenantConnections | TenantDiscovery | Scope.Scope> =>
  Effect.gen(function* () {
    const discovery = yield* TenantDiscovery
    const connections = yield* TenantConnections
    const clock = yield* Effect.clock
    const context = yield* Effect.context<R>()
    const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6

    const table = new Table<A, E>()
    const slots = new Slots(settings.maxTenants)
    const closers = new Set<Fiber.RuntimeFiber<void>>()
    let closed = false
    const closedError = new TenantLayersClosed({ message: `${settings.name}: closed` })

    // Finalizers run from the last to the first: the fibers below have ended by then.
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        closed = true
        slots.close()
        return Effect.zipRight(
          Effect.forEach(table.all(), close, { discard: true }),
          Effect.suspend(() => Fiber.awaitAll([...closers]))
        )
      })
    )
    const idling = yield* FiberMap.make<Resource<A, E>>()
    const graces = yield* FiberMap.make<Resource<A, E>>()

    /** Releases it, once, and gives its place to the next, when it is done or past its time. */
    const close = (resource: Resource<A, E>): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (resource.closing) return Effect.void
        resource.closing = true
        table.detach(resource)
        return Effect.forkDaemon(Effect.interruptible(release(resource))).pipe(
          Effect.map((fiber) => {
            closers.add(fiber)
            fiber.addObserver(() => {
              closers.delete(fiber)
              slots.giveBack()
            })
          })
        )
      })

    const release = (resource: Resource<A, E>) =>
      Effect.gen(function* () {
        yield* Effect.forkDaemon(FiberMap.remove(idling, resource))
        yield* Effect.forkDaemon(FiberMap.remove(graces, resource))
        const closing = yield* Effect.forkDaemon(
          Effect.ensuring(
            Scope.close(resource.scope, Exit.void),
            Deferred.interrupt(resource.built)
          )
        )
        const ended = yield* Effect.timeoutOption(Fiber.await(closing), settings.closeTimeout)
        const log = Effect.annotateLogs({ tenant_id: resource.tenant.id, layers: settings.name })
        if (ended._tag === "None") {
          yield* log(
            Effect.logWarning("a tenant's resource was not released in time; it goes on alone")
          )
        } else if (Exit.isFailure(ended.value)) {
          yield* log(Effect.logWarning("releasing a tenant's resource failed", ended.value.cause))
        }
      })

    const letGo = (resource: Resource<A, E>, holder: Holder): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (!resource.holders.delete(holder) || resource.holders.size > 0) return Effect.void
        if (resource.closing) return Effect.void
        resource.idleSince = now()
        return resource.retired !== undefined ||
          settings.idleTimeout <= 0 ||
          slots.waiting > closers.size
          ? close(resource)
          : Effect.void
      })

    /** One fiber a resource, for as long as it lives. */
    const closeWhenIdle = (resource: Resource<A, E>): Effect.Effect<void> =>
      Effect.suspend(() => {
        const at = now()
        const left = (resource.idleSince ?? at) + settings.idleTimeout - at
        return left > 0
          ? Effect.zipRight(Effect.sleep(left), closeWhenIdle(resource))
          : close(resource)
      })

    const retire = (resource: Resource<A, E>, why: "Replaced" | "Removed"): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (resource.closing || resource.retired === why || resource.retired === "Removed") {
          return Effect.void
        }
        resource.retired = why
        const entry = table.getOrMake(resource.tenant.id)
        if (entry.current === resource) entry.current = undefined
        entry.retired.add(resource)
        if (resource.holders.size === 0) return close(resource)
        const end =
          why === "Replaced"
            ? Effect.delay(close(resource), settings.rotationGrace)
            : Effect.suspend(() =>
                Effect.forEach([...resource.holders], ({ revoke }) => revoke, { discard: true })
              ).pipe(
                Effect.delay(settings.removalGrace),
                // Whoever is told to stop needs it for its own last steps.
                Effect.zipRight(Effect.delay(close(resource), settings.closeTimeout))
              )
        return FiberMap.run(graces, resource, Effect.interruptible(end))
      })

    const replace = (id: TenantId, revision?: number): Effect.Effect<void> =>
      Effect.suspend(() => {
        const entry = table.get(id)
        if (entry === undefined) return Effect.void
        entry.failure = undefined
        const { current } = entry
        table.prune(id)
        const isNew =
          current !== undefined && revision !== undefined && current.revision >= revision
        return current === undefined || isNew ? Effect.void : retire(current, "Replaced")
      })

    /** An event said so of what there was then; what there is by now may be newer. */
    const outdated = (id: TenantId): Effect.Effect<void> =>
      Effect.suspend(() => {
        const current = table.get(id)?.current
        if (current === undefined) return replace(id)
        return Effect.flatMap(connections.isCurrent(id, current.revision), (isCurrent) =>
          isCurrent ? Effect.void : replace(id, current.revision + 1)
        )
      })

    /** A tenant that came back meanwhile only gets something new: nobody is told to stop. */
    const removed = (id: TenantId): Effect.Effect<void> =>
      Effect.flatMap(discovery.isActive(id), (active) => {
        slots.wake(id)
        const entry = table.get(id)
        if (entry === undefined) return Effect.void
        entry.failure = undefined
        const all = entry.current === undefined ? [] : [entry.current]
        const resources = active ? all : [...all, ...entry.retired]
        table.prune(id)
        return Effect.forEach(
          resources,
          (resource) => retire(resource, active ? "Replaced" : "Removed"),
          { discard: true }
        )
      })

    const failed = (resource: Resource<A, E>, cause: Cause.Cause<E>): Effect.Effect<void> =>
      Effect.suspend(() => {
        const { id } = resource.tenant
        if (!resource.closing && resource.retired === undefined) {
          const entry = table.getOrMake(id)
          const count = (entry.failure?.count ?? 0) + 1
          const wait = Math.min(settings.buildBackoff * 2 ** (count - 1), settings.buildBackoffCap)
          entry.failure = { cause, count, until: now() + wait }
        }
        return close(resource)
      })

    /** Builds in a fiber of its own: whoever came first may go without taking it from the others. */
    const build = (resource: Resource<A, E>, settled: Connections): Effect.Effect<void> =>
      Effect.gen(function* () {
        const { built, scope, tenant } = resource
        yield* Scope.extend(connections.hold(tenant.id), scope)
        yield* Effect.suspend(() => Layer.buildWithScope(lookup(settled, tenant), scope)).pipe(
          Effect.provide(context),
          Effect.interruptible,
          Effect.onExit((exit) => {
            if (Exit.isFailure(exit)) {
              return Effect.zipRight(failed(resource, exit.cause), Deferred.done(built, exit))
            }
            table.getOrMake(tenant.id).failure = undefined
            return Deferred.done(built, exit)
          }),
          Effect.forkIn(scope)
        )
        if (settings.idleTimeout > 0 && Number.isFinite(settings.idleTimeout)) {
          yield* FiberMap.run(idling, resource, Effect.interruptible(closeWhenIdle(resource)))
        }
        slots.wake(tenant.id)
        // From here on a removal finds it; one that came before did not.
        if (!(yield* discovery.isActive(tenant.id))) yield* removed(tenant.id)
      })

    /** A place among the living, or who else may be shared; in order. */
    const place = (id: TenantId, deadline: number) =>
      Effect.flatMap(Deferred.make<"Granted" | "Shared" | "Closed">(), (outcome) => {
        if (slots.tryTake()) return Effect.succeed("Granted" as const)
        const waiter: Waiter = { tenantId: id, outcome, granted: false }
        slots.enqueue(waiter)
        const idle = slots.waiting > closers.size ? table.leastRecentlyUsed() : undefined
        const exhausted = () =>
          new TenantPoolsExhausted({
            tenantId: id,
            maxTenants: settings.maxTenants,
            waited: Duration.millis(settings.acquireTimeout),
            message: `${settings.name}: ${settings.maxTenants} tenants hold resources and none was let go within ${Duration.format(
              Duration.millis(settings.acquireTimeout)
            )}; raise MULTI_TENANT_MAX_TENANT_POOLS or use fewer tenants at once`
          })
        return Effect.zipRight(
          idle === undefined ? Effect.void : close(idle),
          Effect.interruptible(
            Effect.timeoutFail(Deferred.await(outcome), {
              duration: Math.max(deadline - now(), 0),
              onTimeout: exhausted
            })
          )
        ).pipe(
          Effect.onExit((exit) =>
            Exit.isFailure(exit) ? Effect.sync(() => slots.leave(waiter)) : Effect.void
          )
        )
      })

    const acquire: Pool<A, E>["acquire"] = (id, holder) =>
      Effect.uninterruptibleMask((restore) => {
        const deadline = now() + settings.acquireTimeout
        let hasPlace = false

        const join = (resource: Resource<A, E>): Resource<A, E> => {
          resource.holders.add(holder)
          resource.idleSince = undefined
          return resource
        }

        /** What a new resource is made of, there for those who have a place for it. */
        interface Fresh {
          readonly scope: Scope.CloseableScope
          readonly built: Deferred.Deferred<Context.Context<A>, E>
        }
        type Attempt = Effect.Effect<Resource<A, E> | undefined, E | TenantLayerError>

        /** In one go: what is looked at here may not change before it is acted upon. */
        const decide = (settled: Connections, tenant: Tenant, fresh: Fresh | undefined): Attempt =>
          Effect.suspend((): Attempt => {
            if (closed) return closedError
            const entry = table.get(id)
            const current = entry?.current
            if (current !== undefined) {
              if (current.revision === settled.revision) return Effect.succeed(join(current))
              // Either these settings are out of date by now, or what was built is.
              return Effect.as(replace(id, settled.revision), undefined)
            }
            if (entry?.failure !== undefined && now() < entry.failure.until) {
              return Effect.failCause(entry.failure.cause)
            }
            if (fresh === undefined) return Effect.as(waitForPlace, undefined)
            hasPlace = false
            const { built, scope } = fresh
            const resource = join(new Resource(tenant, settled.revision, scope, built))
            table.getOrMake(id).current = resource
            return Effect.as(build(resource, settled), resource)
          })

        const waitForPlace = Effect.flatMap(
          Effect.suspend(() => place(id, deadline)),
          (outcome) => {
            if (outcome === "Closed") return closedError
            hasPlace = outcome === "Granted"
            return Effect.void
          }
        )

        const attempt: Attempt = Effect.gen(function* () {
          if (closed) return yield* closedError
          if (!(yield* discovery.isActive(id))) return yield* TenantNotActive.of(id)
          const settled = yield* restore(connections.get(id))
          const tenant = (yield* discovery.view.get).get(id)
          if (tenant === undefined) return yield* TenantNotActive.of(id)
          const fresh = hasPlace
            ? {
                scope: yield* Scope.make(),
                built: yield* Deferred.make<Context.Context<A>, E>()
              }
            : undefined
          return yield* decide(settled, tenant, fresh)
        })

        const use = (
          resource: Resource<A, E>
        ): Effect.Effect<Context.Context<A>, E | TenantLayerError, Scope.Scope> =>
          Effect.zipRight(
            Effect.addFinalizer(() => letGo(resource, holder)),
            restore(Effect.exit(Deferred.await(resource.built)))
          ).pipe(
            Effect.flatMap((exit) => {
              if (Exit.isSuccess(exit)) return Effect.succeed(exit.value)
              if (closed) return closedError
              if (resource.retired === "Removed") return TenantNotActive.of(id)
              // What failed was out of date: the new settings may do.
              if (resource.retired === "Replaced") {
                return Effect.zipRight(letGo(resource, holder), acquire(id, holder))
              }
              return Effect.failCause(exit.cause)
            })
          )

        const loop: Effect.Effect<Resource<A, E>, E | TenantLayerError> = Effect.flatMap(
          attempt,
          (resource) => (resource === undefined ? loop : Effect.succeed(resource))
        )
        return loop.pipe(
          Effect.onExit(() =>
            Effect.sync(() => {
              if (hasPlace) slots.giveBack()
            })
          ),
          Effect.flatMap(use)
        )
      })

    yield* discovery.changes.pipe(
      Stream.runForEach((change) => {
        if (change._tag === "Removed") return removed(change.tenant.id)
        return change._tag === "ConnectionsChanged" ? outdated(change.tenant.id) : Effect.void
      }),
      Effect.interruptible,
      Effect.forkScoped
    )
    yield* connections.changes.pipe(
      Stream.runForEach((told) => replace(told.tenant.id, told.connections.revision)),
      Effect.interruptible,
      Effect.forkScoped
    )

    return { acquire, invalidate: (id) => replace(id) }
  })

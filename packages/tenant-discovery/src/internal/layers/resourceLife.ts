/**
 * The life of a resource: build, use, retirement, close. Decisions are synchronous; what
 * takes time runs in fibers of the pool's own runtime.
 */
import {
  Cause,
  type Context,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  FiberId,
  Layer,
  Runtime,
  Scope
} from "effect"
import type { Tenant, TenantId } from "../../Tenant.js"
import { type Connections, TenantConnections } from "../../TenantConnections.js"
import { TenantDiscovery } from "../../TenantDiscovery.js"
import { boundedWait } from "../boundedWait.js"
import { sameExceptLimits } from "../connections/connectionSchema.js"
import { momentOf } from "../moment.js"
import { TenantBuildTimedOut } from "./poolErrors.js"
import type { PoolSettings } from "./poolOptions.js"
import type { Resource, Revoke, RevokeReason, TenantEntries, TenantEntry } from "./tenantEntries.js"

export interface PoolFunctions<A, E, R> {
  readonly lookup: (connections: Connections, tenant: Tenant) => Layer.Layer<A, E, R>
  readonly apply?:
    | ((resource: Context.Context<A>, connections: Connections) => Effect.Effect<void, unknown, R>)
    | undefined
}

/** What the close waits for at least, for finalizers, when the holders took the rest of its time. */
const LAST_WAIT = 1000

const stop = (fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined): void =>
  fiber?.unsafeInterruptAsFork(FiberId.none)

export const makeResourceLife = <A, E, R>(
  settings: PoolSettings,
  { apply, lookup }: PoolFunctions<A, E, R>,
  entries: TenantEntries<A, E>
) =>
  Effect.gen(function* () {
    type Built = Resource<A, E>
    const { closeTimeout } = settings
    const discovery = yield* TenantDiscovery
    const connections = yield* TenantConnections
    const clock = yield* Effect.clock
    // Of the layer that made the pool: builds never see the context of a caller.
    const runFork = Runtime.runFork(yield* Effect.runtime<R>())
    const now = () => momentOf(clock).mono

    /** The fibers that close resources. */
    const closers = new Map<Fiber.RuntimeFiber<void>, TenantId>()
    /** Opened when the last holder has left; of use once the pool closes. */
    const unused = Effect.unsafeMakeLatch(false)
    let closed = false

    const fork = <B, E2>({ id }: Tenant, effect: Effect.Effect<B, E2, R>) =>
      runFork(
        effect.pipe(
          Effect.annotateLogs({ tenant_id: id, layers: settings.name }),
          Effect.interruptible
        )
      )

    const setTimer = (resource: Built, timer: Effect.Effect<void>): void => {
      stop(resource.timer)
      resource.timer = fork(resource.tenant, timer)
    }

    const release = ({ build, holders, scope }: Built): Effect.Effect<void> =>
      Effect.gen(function* () {
        const limit = Duration.format(Duration.millis(closeTimeout))
        if (holders.size > 0) {
          yield* Effect.logWarning(
            `closing a resource with ${holders.size} uses open: the work did not end, or cannot be interrupted`
          )
        }
        if (build !== undefined) {
          yield* Fiber.interruptFork(build)
          const ended = yield* Effect.timeoutOption(Fiber.await(build), closeTimeout)
          if (ended._tag === "None") {
            yield* Effect.logWarning(
              `a build ignores its interruption for ${limit}; its tenant keeps its place until the build ends`
            )
            yield* Fiber.await(build)
          }
        }
        const closing = yield* Effect.forkDaemon(Scope.close(scope, Exit.void))
        const exit = yield* Effect.timeoutOption(Fiber.await(closing), closeTimeout)
        if (exit._tag === "None") {
          yield* Effect.logWarning(
            `the finalizers of a resource did not end within ${limit}; leaving them behind`
          )
        } else if (Exit.isFailure(exit.value)) {
          yield* Effect.logWarning("a finalizer of a resource failed", exit.value.cause)
        }
      })

    /** Releases the resource, once. Its tenant keeps its place until that has ended or timed out. */
    const close = (resource: Built): void => {
      if (resource.state === "Closing") return
      const { entry, tenant } = resource
      resource.state = "Closing"
      entry.moveAside(resource)
      stop(resource.timer)
      Deferred.unsafeDone(resource.built, Exit.interrupt(FiberId.none))
      const closer = fork(tenant, release(resource))
      closers.set(closer, tenant.id)
      closer.addObserver(() => {
        closers.delete(closer)
        entry.older.delete(resource)
        entries.settle(entry)
      })
      if (!entries.resources.some(({ isUsed }) => isUsed)) unused.unsafeOpen()
    }

    const revoke = ({ holders }: Built, reason: RevokeReason): Effect.Effect<void> =>
      Effect.forEach([...holders], (holder) => holder(reason), { discard: true })

    const endAfterGrace = (resource: Built): Effect.Effect<void> =>
      Effect.gen(function* () {
        const { removalGrace, rotationGrace } = settings
        yield* Effect.sleep(resource.retired === "Removed" ? removalGrace : rotationGrace)
        // A tenant that is back, with settings that are not known yet, keeps its resource.
        while (resource.retired === "Removed" && (yield* discovery.isActive(resource.tenant.id))) {
          yield* Effect.sleep(removalGrace)
        }
        yield* revoke(resource, resource.retired ?? "Replaced")
        yield* Effect.sleep(closeTimeout)
        close(resource)
      })

    /** Accepts no new holder. Holders have the grace to end, then they are revoked. */
    const retire = (resource: Built, reason: "Replaced" | "Removed"): void => {
      if (resource.state === "Closing") return
      const isFirst = resource.retired === undefined
      resource.retired = reason
      resource.entry.moveAside(resource)
      if (resource.holders.size === 0 || resource.state === "Building") close(resource)
      else if (isFirst) setTimer(resource, endAfterGrace(resource))
    }

    /** Closes what is idle for the tenants that wait for a place. */
    const makeRoom = (): void => {
      for (const idle of entries.idleForQueue()) close(idle)
    }

    const leave = (resource: Built, holder: Revoke): void => {
      if (!resource.holders.delete(holder) || resource.holders.size > 0) return
      resource.idleSince = now()
      if (resource.retired !== undefined || closed) close(resource)
      else makeRoom()
    }

    const closeWhenIdle = (resource: Built): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (settings.idleTimeout === 0) return Effect.void
        const left = (resource.idleSince ?? now()) + settings.idleTimeout - now()
        return left > 0
          ? Effect.zipRight(Effect.sleep(left), closeWhenIdle(resource))
          : Effect.sync(() => close(resource))
      })

    const failed = (resource: Built, cause: Cause.Cause<E | TenantBuildTimedOut>): void => {
      const { connections, entry } = resource
      const { buildBackoff, buildBackoffCap } = settings
      const until = now() + Math.min(buildBackoff * 2 ** entry.failures, buildBackoffCap)
      entry.failures++
      entry.failure = { cause, revision: connections.revision, until }
      Deferred.unsafeDone(resource.built, Exit.failCause(cause))
      close(resource)
    }

    /** Waits for the build, then for the end of the resource's use. */
    const watch = (resource: Built, build: NonNullable<Built["build"]>): Effect.Effect<void> =>
      Effect.gen(function* () {
        const ended = yield* Effect.timeoutOption(Fiber.await(build), settings.buildTimeout)
        if (ended._tag === "None") {
          const timeout = Duration.millis(settings.buildTimeout)
          const error = new TenantBuildTimedOut({ tenantId: resource.tenant.id, timeout })
          yield* Effect.logWarning(`build failed: ${error.message}`)
          return failed(resource, Cause.fail(error))
        }
        if (Exit.isFailure(ended.value)) return failed(resource, ended.value.cause)
        resource.state = "Ready"
        resource.entry.failures = 0
        resource.entry.failure = undefined
        Deferred.unsafeDone(resource.built, ended.value)
        yield* closeWhenIdle(resource)
      })

    /** Starts the build at once, in a fiber of its own: a caller that goes does not stop it. */
    const start = (resource: Built): Effect.Effect<void> => {
      const { connections: settled, entry, scope, tenant } = resource
      const hold = Scope.extend(connections.hold(tenant.id), scope)
      const layer = Layer.suspend(() => lookup(settled, tenant))
      entry.current = resource
      resource.build = fork(tenant, Effect.zipRight(hold, Layer.buildWithScope(layer, scope)))
      setTimer(resource, watch(resource, resource.build))
      entry.wake()
      // From here on a change finds the resource; one that came before did not.
      return Effect.zipWith(
        discovery.isActive(tenant.id),
        connections.isCurrent(tenant.id, settled.revision),
        (isActive, isCurrent) => {
          if (!isActive) retire(resource, "Removed")
          else if (!isCurrent) retire(resource, "Replaced")
        }
      )
    }

    /** Whether the resource takes over the settings in place. */
    const appliesLimits = (resource: Built, settled: Connections): boolean => {
      if (apply === undefined || resource.state !== "Ready") return false
      if (!sameExceptLimits(resource.connections.settings, settled.settings)) return false
      resource.connections = settled
      const applied = Deferred.await(resource.built).pipe(
        Effect.flatMap((context) => apply(context, resource.connections)),
        resource.applying.withPermits(1),
        Effect.timeout(settings.buildTimeout),
        Effect.catchAllCause((cause) => {
          retire(resource, "Replaced")
          return Effect.logWarning("new limits could not be applied; replacing the resource", cause)
        })
      )
      fork(resource.tenant, applied)
      return true
    }

    /** Takes over settings: keeps or takes back the resource that has them, retires the others. */
    const adopt = (entry: TenantEntry<A, E>, settled: Connections): void => {
      const { revision } = settled
      const { current } = entry
      if (entry.failure?.revision !== revision) entry.failure = undefined
      if (current !== undefined && current.connections.revision < revision) {
        if (!appliesLimits(current, settled)) retire(current, "Replaced")
      }
      for (const resource of entry.older) {
        if (resource.retired !== "Removed" || resource.state !== "Ready") continue
        const isBack = resource.connections.revision === revision && entry.current === undefined
        resource.retired = isBack ? undefined : "Replaced"
        if (!isBack) continue
        entry.older.delete(resource)
        entry.current = resource
        setTimer(resource, closeWhenIdle(resource))
      }
    }

    /** Holders have the drain to end, then they are revoked, then all is released, within a bound. */
    const closeAll = Effect.gen(function* () {
      closed = true
      unused.unsafeClose()
      entries.wakeAll()
      const used: Array<Built> = []
      for (const resource of entries.resources) {
        if (resource.isUsed && resource.state === "Ready") used.push(resource)
        else close(resource)
      }
      const drained =
        used.length === 0 || (yield* boundedWait(unused.await, settings.drain))._tag === "Some"
      const closeBy = now() + closeTimeout
      if (!drained) {
        for (const resource of used) yield* revoke(resource, "Closed")
        yield* boundedWait(unused.await, closeTimeout)
      }
      for (const resource of used) close(resource)
      const limit = Math.max(closeBy - now(), LAST_WAIT)
      const released = yield* boundedWait(Fiber.awaitAll([...closers.keys()]), limit)
      if (released._tag === "Some") return
      const tenants = [...new Set(closers.values())].join(", ")
      for (const closer of closers.keys()) stop(closer)
      yield* Effect.logWarning(
        `${settings.name}: closed before the resources of these tenants were released: ${tenants}`
      )
    })

    return { adopt, closeAll, isClosed: () => closed, leave, makeRoom, now, retire, start }
  })

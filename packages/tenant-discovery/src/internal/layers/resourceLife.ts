/**
 * The life of a resource: build, use, retirement, close. Decisions are synchronous; what
 * takes time runs in fibers of the pool's own runtime.
 */
import {
  Cause,
  type Clock,
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
import type { Connections, TenantConnections } from "../../TenantConnections.js"
import type { TenantDiscovery } from "../../TenantDiscovery.js"
import { sameExceptLimits } from "../connections/connectionSchema.js"
import { TenantBuildTimedOut } from "./poolErrors.js"
import {
  type Holder,
  Resource,
  type RevokeReason,
  type TenantEntries,
  type TenantEntry
} from "./tenantEntries.js"

/** Durations in milliseconds. */
export interface LifeSettings {
  readonly name: string
  /** 0: never. */
  readonly idleTimeout: number
  readonly buildTimeout: number
  readonly rotationGrace: number
  readonly removalGrace: number
  readonly closeTimeout: number
  readonly buildBackoff: number
  readonly buildBackoffCap: number
}

export interface PoolFunctions<A, E, R> {
  readonly lookup: (connections: Connections, tenant: Tenant) => Layer.Layer<A, E, R>
  readonly apply?:
    | ((resource: Context.Context<A>, connections: Connections) => Effect.Effect<void, unknown, R>)
    | undefined
}

export interface LifeParts<A, E, R> {
  readonly settings: LifeSettings
  readonly functions: PoolFunctions<A, E, R>
  readonly entries: TenantEntries<A, E>
  /** Of the layer that made the pool: builds never see the context of a caller. */
  readonly runtime: Runtime.Runtime<R>
  readonly scope: Scope.Scope
  readonly clock: Clock.Clock
  readonly discovery: TenantDiscovery["Type"]
  readonly connections: TenantConnections["Type"]
}

const stop = (fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined): void =>
  fiber?.unsafeInterruptAsFork(FiberId.none)

export class ResourceLife<A, E, R> {
  /** The fibers that close resources. */
  readonly closers = new Map<Fiber.RuntimeFiber<void>, TenantId>()
  /** Open: no resource that is not closing has a holder. Kept only once the pool closes. */
  readonly unused = Effect.unsafeMakeLatch(false)
  private readonly runFork

  constructor(private readonly parts: LifeParts<A, E, R>) {
    this.runFork = Runtime.runFork(parts.runtime)
  }

  now(): number {
    return Number(this.parts.clock.unsafeCurrentTimeNanos()) / 1e6
  }

  private fork<B, E2>(tenant: Tenant, effect: Effect.Effect<B, E2, R>): Fiber.RuntimeFiber<B, E2> {
    return this.runFork(
      effect.pipe(
        Effect.annotateLogs({ tenant_id: tenant.id, layers: this.parts.settings.name }),
        Effect.interruptible
      )
    )
  }

  private setTimer(resource: Resource<A, E>, timer: Effect.Effect<void>): void {
    stop(resource.timer)
    resource.timer = this.fork(resource.tenant, timer)
  }

  /** Starts the build in a fiber of its own: a caller that goes does not stop it. */
  start(resource: Resource<A, E>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { connections, functions } = this.parts
      const { entry, scope, tenant } = resource
      const settled = resource.connections
      entry.current = resource
      resource.build = this.fork(
        tenant,
        Effect.zipRight(
          Scope.extend(connections.hold(tenant.id), scope),
          Layer.buildWithScope(
            Layer.suspend(() => functions.lookup(settled, tenant)),
            scope
          )
        )
      )
      this.setTimer(resource, this.watch(resource, resource.build))
      entry.wake()
      // From here on a change finds the resource; one that came before did not.
      return Effect.zipWith(
        this.parts.discovery.isActive(tenant.id),
        connections.isCurrent(tenant.id, settled.revision),
        (isActive, isCurrent) => {
          if (!isActive) this.retire(resource, "Removed")
          else if (!isCurrent) this.retire(resource, "Replaced")
        }
      )
    })
  }

  /** Waits for the build, then for the end of the resource's use. */
  private watch(
    resource: Resource<A, E>,
    build: Fiber.RuntimeFiber<Context.Context<A>, E>
  ): Effect.Effect<void> {
    const { buildTimeout } = this.parts.settings
    return Effect.flatMap(Effect.timeoutOption(Fiber.await(build), buildTimeout), (ended) => {
      if (ended._tag === "None") {
        const error = TenantBuildTimedOut.of(resource.tenant.id, Duration.millis(buildTimeout))
        return Effect.zipRight(
          Effect.logWarning(`build failed: ${error.message}`),
          this.failed(resource, Cause.fail(error))
        )
      }
      if (Exit.isFailure(ended.value)) return this.failed(resource, ended.value.cause)
      resource.state = "Ready"
      resource.entry.failures = 0
      Deferred.unsafeDone(resource.built, ended.value)
      return this.closeWhenIdle(resource)
    })
  }

  private failed(
    resource: Resource<A, E>,
    cause: Cause.Cause<E | TenantBuildTimedOut>
  ): Effect.Effect<void> {
    const { scope, settings } = this.parts
    const { connections, entry } = resource
    const failure = { cause, revision: connections.revision }
    const backoff = Math.min(settings.buildBackoff * 2 ** entry.failures, settings.buildBackoffCap)
    entry.failures++
    entry.failure = failure
    const forget = Effect.sync(() => {
      if (entry.failure === failure) entry.failure = undefined
    })
    return Effect.delay(forget, backoff).pipe(
      Effect.forkIn(scope),
      Effect.zipRight(
        Effect.sync(() => {
          Deferred.unsafeDone(resource.built, Exit.failCause(cause))
          this.close(resource)
        })
      )
    )
  }

  private closeWhenIdle(resource: Resource<A, E>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { idleTimeout } = this.parts.settings
      if (idleTimeout === 0) return Effect.void
      const now = this.now()
      const left = (resource.idleSince ?? now) + idleTimeout - now
      return left > 0
        ? Effect.zipRight(Effect.sleep(left), this.closeWhenIdle(resource))
        : Effect.sync(() => this.close(resource))
    })
  }

  /** Takes over settings: keeps or takes back the resource that has them, retires the others. */
  adopt(entry: TenantEntry<A, E>, settled: Connections): void {
    const { revision } = settled
    const { current } = entry
    if (entry.failure?.revision !== revision) entry.failure = undefined
    if (current !== undefined && current.connections.revision < revision) {
      if (!this.applyLimits(current, settled)) this.retire(current, "Replaced")
    }
    for (const resource of entry.older) {
      if (resource.retired !== "Removed" || resource.state !== "Ready") continue
      if (resource.connections.revision !== revision || entry.current !== undefined) {
        resource.retired = "Replaced"
        continue
      }
      resource.retired = undefined
      entry.older.delete(resource)
      entry.current = resource
      this.setTimer(resource, this.closeWhenIdle(resource))
    }
  }

  /** Whether the resource can take over the settings in place. */
  private applyLimits(resource: Resource<A, E>, settled: Connections): boolean {
    const { functions, settings } = this.parts
    const { apply } = functions
    if (apply === undefined || resource.state !== "Ready") return false
    if (!sameExceptLimits(resource.connections.settings, settled.settings)) return false
    resource.connections = settled
    this.fork(
      resource.tenant,
      Deferred.await(resource.built).pipe(
        Effect.flatMap((context) => apply(context, resource.connections)),
        resource.applying.withPermits(1),
        Effect.timeout(settings.buildTimeout),
        Effect.catchAllCause((cause) =>
          Effect.zipRight(
            Effect.logWarning("new limits could not be applied to a resource; replacing it", cause),
            Effect.sync(() => this.retire(resource, "Replaced"))
          )
        )
      )
    )
    return true
  }

  /** Accepts no new holder. Holders have the grace to end, then they are revoked. */
  retire(resource: Resource<A, E>, reason: "Replaced" | "Removed"): void {
    if (resource.state === "Closing") return
    const { entry, holders } = resource
    const isFirst = resource.retired === undefined
    resource.retired = reason
    if (entry.current === resource) entry.current = undefined
    entry.older.add(resource)
    if (holders.size === 0 || resource.state === "Building") this.close(resource)
    else if (isFirst) this.setTimer(resource, this.endAfterGrace(resource))
  }

  private endAfterGrace(resource: Resource<A, E>): Effect.Effect<void> {
    const { discovery, settings } = this.parts
    return Effect.gen(this, function* () {
      yield* Effect.sleep(
        resource.retired === "Removed" ? settings.removalGrace : settings.rotationGrace
      )
      // A tenant that is back, with settings that are not known yet, keeps its resource.
      while (resource.retired === "Removed" && (yield* discovery.isActive(resource.tenant.id))) {
        yield* Effect.sleep(settings.removalGrace)
      }
      yield* this.revoke(resource, resource.retired ?? "Replaced")
      yield* Effect.sleep(settings.closeTimeout)
      this.close(resource)
    })
  }

  revoke(resource: Resource<A, E>, reason: RevokeReason): Effect.Effect<void> {
    return Effect.forEach([...resource.holders], (holder) => holder.revoke(reason), {
      discard: true
    })
  }

  leave(resource: Resource<A, E>, holder: Holder, closed: boolean): void {
    if (!resource.holders.delete(holder) || resource.holders.size > 0) return
    resource.idleSince = this.now()
    if (resource.retired !== undefined || closed) this.close(resource)
    else for (const idle of this.parts.entries.idleForQueue()) this.close(idle)
  }

  /** Releases the resource, once. Its tenant keeps its place until that has ended or timed out. */
  close(resource: Resource<A, E>): void {
    if (resource.state === "Closing") return
    const { entries } = this.parts
    const { entry, tenant } = resource
    resource.state = "Closing"
    if (entry.current === resource) entry.current = undefined
    entry.older.add(resource)
    stop(resource.timer)
    Deferred.unsafeDone(resource.built, Exit.interrupt(FiberId.none))
    const closer = this.fork(tenant, this.release(resource))
    this.closers.set(closer, tenant.id)
    closer.addObserver(() => {
      this.closers.delete(closer)
      entry.older.delete(resource)
      entries.settle(entry)
    })
    if (!entries.resources.some(({ isUsed }) => isUsed)) this.unused.unsafeOpen()
  }

  private release({ build, holders, scope }: Resource<A, E>): Effect.Effect<void> {
    const { closeTimeout } = this.parts.settings
    const limit = Duration.format(Duration.millis(closeTimeout))
    return Effect.gen(function* () {
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
  }

  /** Interrupts what still closes; returns its tenants. */
  abandon(): ReadonlyArray<TenantId> {
    const left = [...this.closers.values()]
    for (const closer of this.closers.keys()) stop(closer)
    return left
  }
}

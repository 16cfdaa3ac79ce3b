/**
 * The resources of a tenant, and the life of each: build, use, retirement, close. Decisions
 * are synchronous; what takes time runs in fibers of the pool's own runtime.
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
import { sameExceptLimits } from "../connections/connectionSchema.js"
import { failureText, secretsOf } from "../failureText.js"
import type { FailureReport } from "../health/healthReport.js"
import { momentOf } from "../moment.js"
import {
  TenantBuildTimedOut,
  type TenantLayersClosed,
  TenantNotActive,
  TenantResourceReplaced
} from "./poolErrors.js"
import type { PoolSettings } from "./poolOptions.js"

/** Why the use of a resource ends. */
export type Retirement = TenantNotActive | TenantResourceReplaced | TenantLayersClosed

/** One use of a resource: ends the use, and returns at once. */
export type Revoke = (reason: Retirement) => Effect.Effect<void>

export interface PoolFunctions<A, E, R> {
  /**
   * Builds a tenant's resource; run again when its settings differ. It sees the context of
   * the layer that made the pool, never that of a caller.
   */
  readonly lookup: (connections: Connections, tenant: Tenant) => Layer.Layer<A, E, R>
  /**
   * Applies new limits (`connectionSettings`) to a resource in place, where nothing else of
   * the settings differs. Default: the resource is replaced, as it is when this fails.
   */
  readonly apply?:
    | ((resource: Context.Context<A>, connections: Connections) => Effect.Effect<void, unknown, R>)
    | undefined
}

/** What was built for one tenant from one revision of its settings. */
export class Resource<A, E> {
  readonly holders = new Set<Revoke>()
  readonly built = Deferred.unsafeMake<Context.Context<A>, E | TenantBuildTimedOut>(FiberId.none)
  /** At most one `apply` at a time. */
  readonly applying = Effect.unsafeMakeSemaphore(1)
  state: "Building" | "Ready" | "Closing" = "Building"
  /** Set: it accepts no new holder, and closes when its holders have ended. */
  retired: Retirement | undefined
  /** Since when nothing holds it, in monotonic milliseconds. */
  idleSince: number | undefined
  build: Fiber.RuntimeFiber<Context.Context<A>, E> | undefined
  /** The fiber of what comes next: the end of the build, of the idle time, of the grace or of the close. */
  next: Fiber.RuntimeFiber<void> | undefined

  constructor(
    readonly entry: TenantEntry<A, E>,
    readonly tenant: Tenant,
    readonly scope: Scope.CloseableScope,
    /** Replaced where `apply` takes over newer ones in place. */
    public connections: Connections
  ) {}

  get isCurrent(): boolean {
    return this.state !== "Closing" && this.retired === undefined
  }
}

/** A failed build. Its error is answered to callers with the same settings for a time. */
interface Failure<E> {
  readonly cause: Cause.Cause<E | TenantBuildTimedOut>
  readonly revision: number
  /** In monotonic milliseconds. */
  readonly until: number
  /** Failed builds in a row. */
  readonly count: number
}

/** What a pool has of one tenant. */
export class TenantEntry<A, E> {
  /** At most one is current. */
  readonly resources = new Set<Resource<A, E>>()
  failure: Failure<E> | undefined
  /** Of the last build that failed; it stays after the cause is repaired. */
  lastFailure: FailureReport | undefined
  /** Callers on their way to a resource. */
  callers = 0
  /** Done at the next change of this entry. */
  changed = Deferred.unsafeMake<void>(FiberId.none)

  constructor(readonly id: TenantId) {}

  get current(): Resource<A, E> | undefined {
    return [...this.resources].find(({ isCurrent }) => isCurrent)
  }

  /** The only resource, if nothing uses it. */
  get idle(): Resource<A, E> | undefined {
    const { callers, current, resources } = this
    return callers === 0 && resources.size === 1 && current?.holders.size === 0
      ? current
      : undefined
  }

  /** Nothing but the end of a close keeps its place. */
  get isFreeing(): boolean {
    return this.callers === 0 && [...this.resources].every(({ state }) => state === "Closing")
  }

  /** Wakes the callers that wait. */
  wake(): void {
    Deferred.unsafeDone(this.changed, Effect.void)
    this.changed = Deferred.unsafeMake<void>(FiberId.none)
  }
}

const stop = (fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined): void =>
  fiber?.unsafeInterruptAsFork(FiberId.none)

/** `settle` is called when something of an entry has ended. */
export const makeResources = <A, E, R>(
  settings: PoolSettings,
  { apply, lookup }: PoolFunctions<A, E, R>,
  settle: (entry: TenantEntry<A, E>) => void
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
    const graces = {
      TenantNotActive: settings.removalGrace,
      TenantResourceReplaced: settings.rotationGrace,
      TenantLayersClosed: settings.drain
    }

    const fork = <B, E2>({ id }: Tenant, effect: Effect.Effect<B, E2, R>) =>
      runFork(
        effect.pipe(
          Effect.annotateLogs({ tenant_id: id, layers: settings.name }),
          Effect.interruptible
        )
      )

    const setNext = (resource: Built, next: Effect.Effect<void>): void => {
      stop(resource.next)
      resource.next = fork(resource.tenant, next)
    }

    /** How the fiber ended, or `None` and a warning after the close timeout. */
    const ended = <B, E2>(fiber: Fiber.Fiber<B, E2>, warning: string) =>
      Effect.timeoutOption(Fiber.await(fiber), closeTimeout).pipe(
        Effect.tap((exit) => (exit._tag === "None" ? Effect.logWarning(warning) : Effect.void))
      )

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
          yield* ended(
            build,
            `a build ignores its interruption for ${limit}; its tenant keeps its place until the build ends`
          )
          yield* Fiber.await(build)
        }
        const exit = yield* ended(
          yield* Effect.forkDaemon(Scope.close(scope, Exit.void)),
          `the finalizers of a resource did not end within ${limit}; leaving them behind`
        )
        if (exit._tag === "Some" && Exit.isFailure(exit.value)) {
          yield* Effect.logWarning("a finalizer of a resource failed", exit.value.cause)
        }
      })

    /** Releases the resource, once. Its tenant keeps its place until that has ended or timed out. */
    const close = (resource: Built): void => {
      if (resource.state === "Closing") return
      const { built, entry } = resource
      resource.state = "Closing"
      Deferred.unsafeDone(built, Exit.interrupt(FiberId.none))
      setNext(resource, release(resource))
      resource.next?.addObserver(() => {
        entry.resources.delete(resource)
        settle(entry)
      })
    }

    const endAfterGrace = (resource: Built, reason: Retirement): Effect.Effect<void> =>
      Effect.gen(function* () {
        yield* Effect.sleep(graces[reason._tag])
        // A tenant that is back, with settings that are not known yet, keeps its resource.
        while (
          resource.retired?._tag === "TenantNotActive" &&
          (yield* discovery.isActive(resource.tenant.id))
        ) {
          yield* Effect.sleep(settings.removalGrace)
        }
        for (const revoke of resource.holders) yield* revoke(resource.retired ?? reason)
        yield* Effect.sleep(closeTimeout)
        close(resource)
      })

    /** Holders have the grace to end, then they are revoked. The first grace counts, but for the pool's own close. */
    const retire = (resource: Built, reason: Retirement): void => {
      if (resource.state === "Closing") return
      const hasGrace = resource.retired !== undefined && reason._tag !== "TenantLayersClosed"
      resource.retired = reason
      if (resource.holders.size === 0 || resource.state === "Building") close(resource)
      else if (!hasGrace) setNext(resource, endAfterGrace(resource, reason))
    }

    const remove = (resource: Built): void =>
      retire(resource, new TenantNotActive({ tenantId: resource.tenant.id }))

    const replace = (resource: Built): void =>
      retire(resource, new TenantResourceReplaced({ tenantId: resource.tenant.id }))

    const leave = (resource: Built, holder: Revoke): void => {
      if (!resource.holders.delete(holder) || resource.holders.size > 0) return
      resource.idleSince = now()
      if (resource.retired !== undefined) close(resource)
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
      const { built, connections, entry } = resource
      const { buildBackoff, buildBackoffCap } = settings
      const count = entry.failure?.count ?? 0
      const until = now() + Math.min(buildBackoff * 2 ** count, buildBackoffCap)
      entry.failure = { cause, revision: connections.revision, until, count: count + 1 }
      const message = failureText(cause, secretsOf(connections.settings))
      entry.lastFailure = { at: momentOf(clock).wall, message }
      Deferred.unsafeDone(built, Exit.failCause(cause))
      close(resource)
    }

    /** Waits for the build, then for the end of the resource's use. */
    const watch = (resource: Built, build: NonNullable<Built["build"]>): Effect.Effect<void> =>
      Effect.gen(function* () {
        const { built, connections: settled, entry, tenant } = resource
        // A fiber starts within its fork; this one may end the resource, which is known after the fork.
        yield* Effect.yieldNow()
        // A change before this resource was known did not reach it.
        if (!(yield* discovery.isActive(tenant.id))) return remove(resource)
        if (!(yield* connections.isCurrent(tenant.id, settled.revision))) return replace(resource)
        const ended = yield* Effect.timeoutOption(Fiber.await(build), settings.buildTimeout)
        if (ended._tag === "None") {
          const timeout = Duration.millis(settings.buildTimeout)
          const error = new TenantBuildTimedOut({ tenantId: tenant.id, timeout })
          yield* Effect.logWarning(`build failed: ${error.message}`)
          return failed(resource, Cause.fail(error))
        }
        if (Exit.isFailure(ended.value)) return failed(resource, ended.value.cause)
        resource.state = "Ready"
        entry.failure = undefined
        Deferred.unsafeDone(built, ended.value)
        yield* closeWhenIdle(resource)
      })

    /** Starts the build, in a fiber of its own: a caller that goes does not stop it. */
    const start = (resource: Built): void => {
      const { connections: settled, entry, scope, tenant } = resource
      const hold = Scope.extend(connections.hold(tenant.id), scope)
      const layer = Layer.suspend(() => lookup(settled, tenant))
      entry.resources.add(resource)
      resource.build = fork(tenant, Effect.zipRight(hold, Layer.buildWithScope(layer, scope)))
      setNext(resource, watch(resource, resource.build))
      entry.wake()
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
          replace(resource)
          return Effect.logWarning("new limits could not be applied; replacing the resource", cause)
        })
      )
      fork(resource.tenant, applied)
      return true
    }

    /** Takes over settings: keeps or takes back the resource that has them, replaces the others. */
    const adopt = (entry: TenantEntry<A, E>, settled: Connections): void => {
      const { revision } = settled
      if (entry.failure?.revision !== revision) entry.failure = undefined
      for (const resource of entry.resources) {
        const { connections, isCurrent, retired, state } = resource
        if (isCurrent) {
          if (connections.revision < revision && !appliesLimits(resource, settled))
            replace(resource)
        } else if (state === "Ready" && retired?._tag === "TenantNotActive") {
          // The tenant is back.
          if (connections.revision !== revision || entry.current !== undefined) replace(resource)
          else {
            resource.retired = undefined
            setNext(resource, closeWhenIdle(resource))
          }
        }
      }
    }

    return { adopt, close, leave, now, remove, replace, retire, start, stop }
  })

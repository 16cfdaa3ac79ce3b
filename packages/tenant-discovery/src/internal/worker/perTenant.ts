/**
 * Long-lived work for each active tenant.
 *
 * All decisions are synchronous: a change of the view, the end of a run, a place for one more. One
 * fiber, the dispatcher, starts the runs.
 */
import {
  Cause,
  Config,
  type ConfigError,
  Duration,
  Effect,
  Exit,
  FiberMap,
  Layer,
  RateLimiter,
  Schedule,
  type Scope
} from "effect"
import type { TenantId } from "../../Tenant.js"
import type { TenantChange } from "../../TenantChange.js"
import type { TenantDiscovery } from "../../TenantDiscovery.js"
import type { TenantView } from "../../TenantView.js"
import { momentOf } from "../moment.js"
import { decodeOptions } from "../options.js"
import { longSleep } from "./delays.js"
import { type Failing, makeFailures } from "./failures.js"
import { problemsOf } from "./problems.js"
import { makeSupervisor, type Run, type RunContext, statusOfRun } from "./supervisor.js"
import { onTransition } from "./transitions.js"
import { makeWorkerMetrics } from "./workerMetrics.js"
import { defaults, type PerTenantOptions, perTenantSettings } from "./workerOptions.js"
import { noStatus, register, type TenantWorkState, type TenantWorkStatus } from "./workerStatus.js"

const defaultRestart = Schedule.exponential(defaults.restartFrom).pipe(
  Schedule.modifyDelay((_, delay) => Duration.min(delay, defaults.restartTo)),
  Schedule.jitteredWith({ min: 0, max: 1 })
)

const validLimit = Config.validate({
  message: "expected a whole number of 0 or more",
  validation: (limit: number) => Number.isSafeInteger(limit) && limit >= 0
})

/** Lets through `perSecond` starts, a tenth of a second's worth at once. */
const makePermit = (perSecond: number): Effect.Effect<Effect.Effect<void>, never, Scope.Scope> => {
  if (perSecond === Infinity) return Effect.succeed(Effect.void)
  const limit = Math.ceil(perSecond / 10)
  return Effect.map(
    RateLimiter.make({ algorithm: "fixed-window", limit, interval: (1000 * limit) / perSecond }),
    (limiter) => limiter(Effect.void)
  )
}

const nextStart = <E, R>({ delay, exhausted }: Failing<E, R>): string =>
  exhausted
    ? "the restart schedule has ended; not restarting"
    : `restarting in ${Duration.format(delay)}`

/**
 * Long-lived work for each active tenant, from the moment it is active until it is removed.
 *
 * `run` is the whole of a tenant's work: a consumer, a relay. It has a fiber, a scope and a root
 * span of its own, as in `scheduled`.
 *
 * Promised: at most one run of a tenant at a time; a tenant that was removed and comes back starts
 * again when the finalizers of its former run have finished (or `closeTimeout` has passed, with a
 * warning); no run starts for a tenant that is not active. Work that fails, dies or ends is
 * restarted after the delay of `restart`; see `onEnd`. Restarts after a rotation are immediate.
 * `startRate` bounds all starts.
 *
 * Closing: nothing starts any more; work has `drain` to end, then is interrupted, and its
 * finalizers have `closeTimeout`. The worker stops in the same way, with a warning, when its
 * discovery closes first.
 *
 * Metrics, labelled `service` and `worker`: `tenant_consumers_active`, `tenant_worker_waiting`, and
 * `tenant_worker_runs_total`, `tenant_worker_run_duration_seconds`, `tenant_worker_failures_total`, `tenant_worker_interrupted_total`,
 * `tenant_worker_skips_total`, `tenant_worker_tenants` (the active tenants that are this
 * replica's).
 *
 * Fails to build only when `maxTenants` is a `Config` that cannot be read.
 *
 * @throws RangeError for an invalid option, when it is called.
 * @example
 * import { Effect } from "effect"
 * import { CurrentTenant, TenantWorker } from "tenant-discovery"
 *
 * const Relay = TenantWorker.perTenant({
 *   name: "relay",
 *   run: Effect.gen(function* () {
 *     const { id } = yield* CurrentTenant
 *     yield* Effect.acquireRelease(Effect.log(`open ${id}`), () => Effect.log(`close ${id}`))
 *     return yield* Effect.never
 *   })
 * })
 */
export function perTenant<E, R>(
  options: PerTenantOptions<E, R> & { readonly maxTenants?: number | undefined }
): Layer.Layer<never, never, TenantDiscovery | RunContext<R>>
export function perTenant<E, R>(
  options: PerTenantOptions<E, R>
): Layer.Layer<never, ConfigError.ConfigError, TenantDiscovery | RunContext<R>>
export function perTenant<E, R>(
  options: PerTenantOptions<E, R>
): Layer.Layer<never, ConfigError.ConfigError, TenantDiscovery | RunContext<R>> {
  const { maxTenants } = options
  const settings = decodeOptions("TenantWorker.perTenant", perTenantSettings, {
    ...options,
    maxTenants: Config.isConfig(maxTenants) ? undefined : maxTenants
  })
  const { name } = settings

  return Effect.gen(function* () {
    const clock = yield* Effect.clock
    const configured = Config.isConfig(maxTenants) ? yield* validLimit(maxTenants) : undefined
    const limit = (configured ?? settings.maxTenants) || Infinity
    const permit = yield* makePermit(settings.startRate)
    const metrics = yield* makeWorkerMetrics(name)
    const failures = makeFailures<E, R>(options.restart ?? defaultRestart)
    /** Each active tenant, and each whose run still ends. The status adds `Draining`. */
    const tenants = new Map<TenantId, TenantWorkStatus>()
    const waiting = new Set<TenantId>()
    /** Tenants whose run was interrupted in order to start anew: they keep their place. */
    const restarting = new Set<TenantId>()
    const backoffs = yield* FiberMap.make<TenantId>()

    const become = (
      id: TenantId,
      state: TenantWorkState,
      changed: Partial<TenantWorkStatus> = {}
    ): void => {
      const before = tenants.get(id) ?? noStatus
      tenants.set(id, { ...before, ...changed, state, since: momentOf(clock).wall })
    }

    const enqueue = (id: TenantId, queue: Set<TenantId>): void => {
      const before = tenants.get(id)
      become(id, "Waiting", before && { restarts: before.restarts + 1 })
      queue.add(id)
      supervisor.wake.unsafeOpen()
    }

    const lasted = (run: Run | undefined): boolean =>
      run !== undefined && momentOf(clock).mono - run.startedAt.mono >= settings.restartReset

    /** What follows a run that ended by itself. */
    const rest = (run: Run, exit: Exit.Exit<unknown, E>) => {
      const { id } = run.tenant
      const before = tenants.get(id)
      return Effect.gen(function* () {
        if (lasted(run)) yield* failures.recovered(id)
        if (Exit.isSuccess(exit) && settings.onEnd === "stop") {
          become(id, "Ended")
          return yield* Effect.logInfo('run ended; not restarting (onEnd is "stop")')
        }
        const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
        const { delay, exhausted, last } = yield* failures.failed(id, cause, nextStart)
        // The tenant may have been removed while the schedule decided.
        if (tenants.get(id) !== before) return
        const lastFailure = Exit.isFailure(exit) ? last : before?.lastFailure
        become(id, exhausted ? "Ended" : "BackingOff", { lastFailure })
        if (exhausted) {
          return yield* Effect.logError("run ended; the restart schedule has ended", cause)
        }
        const again = Effect.sync(() => enqueue(id, waiting))
        const backoff = Effect.zipRight(longSleep(delay), again)
        yield* FiberMap.run(backoffs, id, Effect.interruptible(backoff))
      }).pipe(
        Effect.catchAllCause((cause) => {
          become(id, "Ended")
          return Effect.logError("restart schedule failed; not restarting", cause)
        })
      )
    }

    const onEnd = (run: Run, exit: Exit.Exit<unknown, E>) =>
      Effect.suspend(() => {
        const { id } = run.tenant
        const reason = run.ending?.reason
        if (reason === undefined) return rest(run, exit)
        if (reason === "ConnectionsChanged" || reason === "Revoked") {
          enqueue(id, restarting)
          return Effect.void
        }
        tenants.delete(id)
        if (reason !== "Closing" && supervisor.seen().has(id)) enqueue(id, waiting)
        return Effect.void
      })

    const supervisor = yield* makeSupervisor({
      ...settings,
      metrics: { ...metrics, active: metrics.consumers },
      run: options.run,
      onEnd
    })
    const { running } = supervisor

    const handle = ({ _tag, tenant: { id } }: TenantChange, run: Run | undefined) => {
      if (_tag === "Added") {
        if (!tenants.has(id)) enqueue(id, waiting)
        return Effect.void
      }
      if (_tag === "Removed") {
        failures.forget(id)
        if (run !== undefined) return supervisor.end(run, _tag)
        for (const all of [tenants, waiting, restarting]) all.delete(id)
        supervisor.wake.unsafeOpen()
        return FiberMap.remove(backoffs, id)
      }
      if (_tag === "Updated" || settings.onConnectionsChanged === "keep") return Effect.void
      if (run !== undefined) return supervisor.end(run, _tag)
      if (tenants.get(id)?.state !== "BackingOff") return Effect.void
      enqueue(id, waiting)
      return FiberMap.remove(backoffs, id)
    }

    const queued = () => waiting.size + restarting.size

    const startNext = (view: TenantView): void => {
      const queue = restarting.size > 0 ? restarting : waiting
      const [id] = queue
      if (id === undefined) return
      queue.delete(id)
      metrics.waiting(queued())
      if (supervisor.start(view, id)) return
      tenants.delete(id)
      metrics.removed(1)
    }

    const full = onTransition()
    const reportWaiting = Effect.suspend(() => {
      const count = queued()
      metrics.waiting(count)
      return full(
        count > 0,
        Effect.logWarning(
          `maxTenants reached: ${running.size} running, ${count} waiting until one of them ends; raise maxTenants`
        ),
        Effect.logInfo("no tenant waits for a place any more")
      )
    })

    yield* register({
      name,
      snapshot: Effect.sync(() => {
        const all = new Map(tenants)
        for (const [id, run] of running) all.set(id, statusOfRun(run, all.get(id)))
        return all
      }),
      problems: () => problemsOf(running, failures.entries(), running.size >= limit ? queued() : 0)
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => metrics.waiting(0)))
    for (const id of supervisor.seen().ids) enqueue(id, waiting)
    yield* supervisor.follow(handle)
    yield* supervisor.dispatch({
      limit,
      hasQueued: () => queued() > 0,
      permit,
      take: startNext,
      afterwards: reportWaiting
    })
    yield* supervisor.forkLoop(failures.report((id) => lasted(running.get(id))))
  }).pipe(
    Effect.annotateLogs("worker", name),
    Effect.annotateSpans("worker", name),
    Layer.scopedDiscard
  )
}

/**
 * A job over all tenants, on a schedule.
 *
 * A tick only lists the turns. One fiber, the dispatcher, starts runs while there is room, and the
 * end of a run makes room. So a tick waits for no run, and `concurrency` bounds all that runs.
 */
import { Duration, Effect, Exit, Layer, type Scope } from "effect"
import { StaleTenantView } from "../../TenantDiscoveryService.js"
import type { TenantId } from "../../Tenant.js"
import { TenantDiscovery } from "../../TenantDiscovery.js"
import type { TenantView } from "../../TenantView.js"
import { decodeOptions } from "../options.js"
import { momentOf } from "../moment.js"
import { longSleep, makeDelays } from "./delays.js"
import { type Failing, makeFailures } from "./failures.js"
import { problemsOf } from "./problems.js"
import { makeSupervisor, type Run, type RunContext, statusOfRun } from "./supervisor.js"
import { makeWorkerMetrics } from "./workerMetrics.js"
import { defaults, type ScheduledOptions, scheduledSettings } from "./workerOptions.js"
import { noStatus, register, type TenantWorkStatus } from "./workerStatus.js"
import { onTransition, quietly } from "./transitions.js"

const nextAttempt = <E, R>({ delay }: Failing<E, R>): string =>
  delay > 0
    ? `skipping the tenant for ${Duration.format(delay)}`
    : "running again at the tenant's next turn"

/**
 * A job for all active tenants on a schedule.
 *
 * At each tick `run` starts for every tenant, `concurrency` at a time. Each run is a fiber, a scope
 * and a root span of its own (linked to the span under which the layer was built); `CurrentTenant`
 * is the tenant, and logs and spans carry `tenant_id` and `worker`.
 *
 * Promised: at most one run of a tenant at a time; no run starts for a tenant that is not active;
 * a run is interrupted `removalGrace` after its tenant was removed; a failure or defect affects
 * neither the schedule nor another tenant. Where the program has a `TenantAssignment`, runs start
 * only for this replica's tenants, each under a `TenantLease`; a lost lease interrupts its run at
 * once. Tenants that had no turn before the next tick come first
 * in it. Not promised: that a tenant has a turn in every tick, or an order within one. An exception
 * to the first promise: a run that does not end within `closeTimeout` after its interruption is left
 * behind with a warning, and the tenant's next run may start beside it.
 *
 * A tenant's first failure is logged with its cause, so is its recovery; the failures between are
 * counted in one summary per minute.
 *
 * Closing: no run starts any more; runs under way have `drain` to end, then are interrupted, and
 * their finalizers have `closeTimeout`. What the layer depends on closes after that. Combine several
 * workers with `Layer.mergeAll`: they then close at the same time, not one after the other. The
 * worker stops in the same way, with a warning, when its discovery closes first.
 *
 * Metrics, labelled `service` and `worker`: `tenant_worker_runs_total`, `tenant_worker_run_duration_seconds`,
 * `tenant_worker_failures_total`, `tenant_worker_interrupted_total`,
 * `tenant_worker_long_runs_total`, `tenant_worker_skips_total` (by `reason`: `overlap`, `backoff`,
 * `removed`), `tenant_worker_stale_ticks_total`, `tenant_worker_active`,
 * `tenant_worker_tenants` (the active tenants that are this replica's).
 *
 * @throws RangeError for an invalid option, when it is called.
 * @example
 * import { Effect, Schedule } from "effect"
 * import { CurrentTenant, TenantWorker } from "tenant-discovery"
 *
 * const Billing = TenantWorker.scheduled({
 *   name: "billing",
 *   schedule: Schedule.spaced("1 minute"),
 *   timeout: "30 seconds",
 *   run: Effect.flatMap(CurrentTenant, ({ id }) => Effect.log(`billing ${id}`))
 * })
 */
export const scheduled = <E, R, RS = never>(
  options: ScheduledOptions<E, R, RS>
): Layer.Layer<never, never, TenantDiscovery | RunContext<R> | Exclude<RS, Scope.Scope>> => {
  const settings = decodeOptions("TenantWorker.scheduled", scheduledSettings, options)
  const { concurrency, name, removalGrace, timeout } = settings
  const { retry, run } = options

  const retried: Effect.Effect<unknown, E, R> =
    retry === undefined ? run : Effect.retry(Effect.scoped(run), retry)
  const work = timeout === undefined ? retried : Effect.timeout(retried, timeout)

  return Effect.gen(function* () {
    const discovery = yield* TenantDiscovery
    const clock = yield* Effect.clock
    const metrics = yield* makeWorkerMetrics(name)
    const failures = makeFailures(options.failureBackoff)
    /** The turns of the present tick; those before `position` were taken. */
    let turns: ReadonlyArray<TenantId> = []
    let position = 0
    /** How many of them, at the beginning, had no turn in the tick before. */
    let late = 0
    const left = () => turns.slice(position)
    /** Open: no run is under way, and no turn is left. */
    const idle = yield* Effect.makeLatch(true)
    /** Open: some runs are under way. */
    const busy = yield* Effect.makeLatch(false)
    let tickedAt = 0
    let interval = 0

    const onEnd = ({ ending, tenant: { id } }: Run, exit: Exit.Exit<unknown, unknown>) => {
      if (ending !== undefined) return Effect.void
      return Exit.isSuccess(exit)
        ? failures.recovered(id)
        : Effect.asVoid(failures.failed(id, exit.cause, nextAttempt))
    }
    const supervisor = yield* makeSupervisor({ ...settings, metrics, run: work, onEnd })
    const { running } = supervisor

    const isBackingOff = (id: TenantId): boolean =>
      (failures.get(id)?.retryAt ?? 0) > momentOf(clock).mono

    const takeTurn = (view: TenantView): void => {
      const id = turns[position]
      if (id === undefined) return
      position += 1
      if (running.has(id)) metrics.overlap(1)
      else if (isBackingOff(id)) metrics.backoff(1)
      else if (supervisor.start(view, id)) busy.unsafeOpen()
      else metrics.removed(1)
    }

    const stale = onTransition()
    const behind = onTransition()
    const tick = Effect.gen(function* () {
      const fresh =
        settings.requireFresh === undefined
          ? undefined
          : yield* Effect.merge(discovery.requireFresh(settings.requireFresh))
      const isStale = fresh instanceof StaleTenantView
      yield* stale(
        isStale,
        Effect.logWarning("tenant view is stale; skipping ticks", fresh),
        Effect.logInfo("tenant view is fresh again; resuming ticks")
      )
      if (isStale) return metrics.staleTicks(1)
      const view = yield* supervisor.view.get
      const missed = left()
      // A tick goes on where the last one stopped, so that no tenant starves.
      const ring = new Set([...missed, ...turns.slice(0, position), ...view.ids])
      turns = missed.length === 0 ? view.ids : [...ring].filter((id) => view.has(id))
      late = missed.filter((id) => view.has(id)).length
      position = 0
      tickedAt = momentOf(clock).wall
      if (turns.length > 0) {
        idle.unsafeClose()
        supervisor.wake.unsafeOpen()
      }
      yield* behind(
        missed.length > 0,
        Effect.logWarning(
          `${missed.length} tenants had no turn before the next tick, ${running.size} runs are under way; these tenants come first now. Raise concurrency, set a timeout or tick less often`
        ),
        Effect.logInfo("every tenant has its turn within a tick again")
      )
      if (settings.overlap === "wait") yield* idle.await
    })
    const nextDelay = makeDelays(options.schedule)
    const ticks = Effect.gen(function* () {
      const delay = yield* Effect.catchAllCause(nextDelay(), (cause) =>
        Effect.as(quietly(Effect.logError("schedule failed", cause)), undefined)
      )
      if (delay === undefined) {
        yield* quietly(Effect.logInfo("schedule ended; no more ticks"))
        return yield* Effect.never
      }
      interval = delay
      yield* longSleep(delay)
      yield* tick
    })

    const longRunAfter = () =>
      settings.longRunAfter ??
      Math.max(defaults.longRunAtLeast, defaults.longRunIntervals * interval)
    /** Sleeps until the oldest run becomes a long one; without runs no timer runs. */
    const watch = Effect.gen(function* () {
      yield* busy.await
      const oldest = [...running.values()].find(({ longRunning }) => !longRunning)
      if (oldest === undefined) return yield* busy.close
      const age = momentOf(clock).mono - oldest.startedAt.mono
      if (age < longRunAfter()) return yield* longSleep(longRunAfter() - age)
      oldest.longRunning = true
      metrics.longRuns(1)
      yield* Effect.annotateLogs(
        Effect.logWarning(
          `run is under way for ${Duration.format(Math.round(age))}; it keeps its place until it ends`
        ),
        "tenant_id",
        oldest.tenant.id
      )
    })

    yield* register({
      name,
      problems: () => problemsOf(running, failures.entries(), Math.max(0, late - position)),
      snapshot: Effect.sync(() => {
        const { mono } = momentOf(clock)
        const all = new Map<TenantId, TenantWorkStatus>()
        const known = (
          id: TenantId,
          state: TenantWorkStatus["state"] = "Waiting",
          since = tickedAt
        ): TenantWorkStatus => {
          const { count: restarts = 0, last: lastFailure } = failures.get(id) ?? {}
          return { ...noStatus, restarts, lastFailure, state, since }
        }
        for (const id of left()) all.set(id, known(id))
        for (const [id, { last, retryAt }] of failures.entries()) {
          all.set(id, known(id, retryAt > mono ? "BackingOff" : "Waiting", last.at))
        }
        for (const [id, run] of running) all.set(id, statusOfRun(run, known(id)))
        return all
      })
    })
    yield* supervisor.follow(({ _tag, tenant: { id } }, run) => {
      if (_tag === "Removed") failures.forget(id)
      if (run === undefined) return Effect.void
      if (_tag === "Removed") return supervisor.end(run, "Removed", removalGrace)
      return _tag === "Added" ? supervisor.keep(run) : Effect.void
    })
    yield* supervisor.dispatch({
      limit: concurrency,
      hasQueued: () => position < turns.length,
      permit: Effect.void,
      take: takeTurn,
      afterwards: Effect.suspend(() =>
        position === turns.length && running.size === 0 ? idle.open : Effect.void
      )
    })
    yield* supervisor.forkLoop(watch)
    yield* supervisor.forkLoop(failures.report(() => false))
    yield* supervisor.forkLoop(ticks)
  }).pipe(
    Effect.annotateLogs("worker", name),
    Effect.annotateSpans("worker", name),
    Layer.scopedDiscard
  )
}

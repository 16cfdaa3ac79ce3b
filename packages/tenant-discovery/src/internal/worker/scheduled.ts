/**
 * A job over all tenants, on a schedule.
 *
 * A tick only lists the turns. One fiber, the dispatcher, starts runs while there is room, and the
 * end of a run makes room. So a tick waits for no run, and `concurrency` bounds all that runs.
 */
import { Duration, Effect, Exit, type Scope } from "effect"
import { StaleTenantView } from "../../TenantDiscoveryService.js"
import type { Tenant, TenantId } from "../../Tenant.js"
import { TenantDiscovery } from "../../TenantDiscovery.js"
import type { TenantView } from "../../TenantView.js"
import { decodeOptions } from "../options.js"
import { momentOf } from "../moment.js"
import { longSleep, makeDelays } from "./delays.js"
import { type Failing, makeFailures } from "./failures.js"
import { breathe, makeSupervisor, type Run, type RunContext, SLICE } from "./supervisor.js"
import { makeWorkerMetrics } from "./workerMetrics.js"
import { defaults, type ScheduledOptions, scheduledSettings } from "./workerOptions.js"
import { register, type TenantWorkStatus } from "./workerStatus.js"
import { onTransition, quietly } from "./transitions.js"

const nextAttempt = <E, R>({ delay }: Failing<E, R>): string =>
  delay > 0
    ? `skipping the tenant for ${Duration.format(delay)}`
    : "running again at the tenant's next turn"

export const scheduled = <E, R, RS>(
  options: ScheduledOptions<E, R, RS>
): Effect.Effect<void, never, TenantDiscovery | RunContext<R> | RS | Scope.Scope> => {
  const settings = decodeOptions("TenantWorker.scheduled", scheduledSettings, options)
  const { concurrency, name, removalGrace, timeout } = settings
  const { retry, run } = options

  const attempt = Effect.scoped(run)
  const retried: Effect.Effect<unknown, E, R> =
    retry === undefined ? attempt : Effect.retry(attempt, retry)
  const work = timeout === undefined ? retried : Effect.timeout(retried, timeout)

  return Effect.gen(function* () {
    const discovery = yield* TenantDiscovery
    const clock = yield* Effect.clock
    const metrics = yield* makeWorkerMetrics(name, "scheduled")
    const failures = makeFailures(options.failureBackoff)
    /** The turns of the present tick; those before `position` were taken. */
    let order: ReadonlyArray<Tenant> = []
    let position = 0
    const left = () => order.slice(position)
    /** Open: there may be a run to start. */
    const wake = yield* Effect.makeLatch(false)
    /** Open: no run is under way, and no turn is left. */
    const idle = yield* Effect.makeLatch(true)
    /** Open: some runs are under way. */
    const busy = yield* Effect.makeLatch(false)
    let tickedAt = 0
    let interval = 0

    const settle = (): void => {
      if (position < order.length) wake.unsafeOpen()
      else if (supervisor.running.size === 0) idle.unsafeOpen()
    }

    const onEnd = (
      { ending, tenant: { id } }: Run,
      exit: Exit.Exit<unknown, unknown>
    ): Effect.Effect<void, never, R> => {
      settle()
      if (ending !== undefined) return Effect.void
      return Exit.isSuccess(exit)
        ? failures.recovered(id)
        : Effect.asVoid(failures.failed(id, exit.cause, nextAttempt))
    }
    const supervisor = yield* makeSupervisor({ ...settings, metrics, run: work, onEnd })
    const { running } = supervisor

    const isBackingOff = (id: TenantId): boolean =>
      (failures.get(id)?.retryAt ?? 0) > momentOf(clock).mono

    const takeTurn = (view: TenantView, { id }: Tenant): void => {
      if (running.has(id)) metrics.overlap(1)
      else if (isBackingOff(id)) metrics.backoff(1)
      else if (!supervisor.start(view, id)) metrics.removed(1)
    }

    /** Takes turns while there are some, and room; answers whether to go on after a pause. */
    const takeTurns = Effect.map(discovery.view.get, (view) => {
      for (let taken = 0; taken < SLICE; taken++) {
        if (running.size > 0) busy.unsafeOpen()
        if (running.size >= concurrency) return false
        const tenant = order[position++]
        if (tenant === undefined) {
          settle()
          return false
        }
        takeTurn(view, tenant)
      }
      return true
    })
    const dispatch = Effect.gen(function* () {
      yield* wake.await
      yield* wake.close
      while (yield* takeTurns) yield* breathe
    })

    const stale = onTransition()
    const reportStale = (error: StaleTenantView | undefined) =>
      stale(
        error !== undefined,
        Effect.logWarning("tenant view is stale; skipping ticks", error),
        Effect.logInfo("tenant view is fresh again; resuming ticks")
      )
    const behind = onTransition()
    const reportLate = (late: number) =>
      behind(
        late > 0,
        Effect.logWarning(
          `${late} tenants had no turn before the next tick, ${running.size} runs are under way; these tenants come first now. Raise concurrency, set a timeout or tick less often`
        ),
        Effect.logInfo("every tenant has its turn within a tick again")
      )

    /** A tick goes on where the last one stopped, so that no tenant starves. */
    const nextOrder = (view: TenantView): ReadonlyArray<Tenant> => {
      if (position >= order.length) return view.tenants
      const ring = [...left(), ...order.slice(0, position)]
      const known = new Set(ring.map(({ id }) => id))
      const added = view.tenants.filter(({ id }) => !known.has(id))
      return [...ring, ...added].filter(({ id }) => view.has(id))
    }

    const tick = Effect.gen(function* () {
      const view =
        settings.requireFresh === undefined
          ? yield* discovery.view.get
          : yield* Effect.merge(discovery.requireFresh(settings.requireFresh))
      if (view instanceof StaleTenantView) {
        metrics.staleTicks(1)
        return yield* reportStale(view)
      }
      yield* reportStale(undefined)
      const late = left().length
      order = nextOrder(view)
      position = 0
      tickedAt = momentOf(clock).wall
      if (position < order.length) {
        idle.unsafeClose()
        wake.unsafeOpen()
      }
      yield* reportLate(late)
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

    yield* register(
      name,
      Effect.sync(() => {
        const { mono } = momentOf(clock)
        const all = new Map<TenantId, TenantWorkStatus>()
        const add = (
          id: TenantId,
          state: TenantWorkStatus["state"],
          since: number,
          longRunning = false
        ) => {
          const { count: restarts = 0, last: lastFailure } = failures.get(id) ?? {}
          all.set(id, { state, since, restarts, lastFailure, longRunning })
        }
        for (const { id } of left()) add(id, "Waiting", tickedAt)
        for (const [id, { last, retryAt }] of failures.entries()) {
          if (retryAt > mono) add(id, "BackingOff", last.at)
        }
        for (const [id, { ending, longRunning, startedAt }] of running) {
          if (ending === undefined) add(id, "Running", startedAt.wall, longRunning)
          else add(id, "Draining", ending.since, longRunning)
        }
        return all
      })
    )
    // The scope closes in reverse: first the loops end, then the runs, last the reader of the view.
    yield* supervisor.follow(yield* discovery.view.get, ({ _tag, tenant: { id } }, revision) => {
      if (_tag === "Removed") failures.forget(id)
      const run = running.get(id)
      // A run of a later view belongs to a tenant that came back.
      if (run === undefined || run.revision >= revision) return Effect.void
      if (_tag === "Removed") return supervisor.end(run, "Removed", removalGrace)
      return _tag === "Added" ? supervisor.keep(run) : Effect.void
    })
    yield* Effect.addFinalizer(() => supervisor.stop)
    yield* supervisor.forkLoop(dispatch)
    yield* supervisor.forkLoop(watch)
    yield* supervisor.forkLoop(failures.report(() => false))
    yield* supervisor.forkLoop(ticks)
  }).pipe(Effect.annotateLogs("worker", name), Effect.annotateSpans("worker", name))
}

/**
 * A job over all tenants, on a schedule.
 *
 * A tick only lists the turns. One fiber, the dispatcher, starts runs while there is room, and the
 * end of a run makes room. So a tick waits for no run, and `concurrency` bounds all that runs.
 */
import { Duration, Effect, Exit, type Scope } from "effect"
import type { Tenant, TenantId } from "../../Tenant.js"
import { TenantDiscovery } from "../../TenantDiscovery.js"
import type { TenantDiscoveryService } from "../../TenantDiscoveryService.js"
import type { TenantView } from "../../TenantView.js"
import { decodeOptions } from "../options.js"
import { momentOf } from "../moment.js"
import { longSleep, makeDelays } from "./delays.js"
import { type Failing, makeFailures } from "./failures.js"
import { breathe, makeSupervisor, type Run, type RunContext, SLICE } from "./supervisor.js"
import { makeWorkerMetrics } from "./workerMetrics.js"
import { defaults, type ScheduledOptions, scheduledSettings } from "./workerOptions.js"
import { register, type TenantWorkStatus } from "./workerStatus.js"

/** The turns of a tick. */
class Turns {
  private order: ReadonlyArray<Tenant> = []
  private position = 0

  /** Tenants that have not had their turn. */
  get left(): ReadonlyArray<Tenant> {
    return this.order.slice(this.position)
  }

  get isEmpty(): boolean {
    return this.position >= this.order.length
  }

  /** A new tick: it goes on where the last one stopped, so that no tenant starves. */
  begin(view: TenantView): void {
    const ring = [...this.left, ...this.order.slice(0, this.position)]
    const known = new Set(ring.map(({ id }) => id))
    this.order = this.isEmpty
      ? view.tenants
      : [...ring, ...view.tenants.filter(({ id }) => !known.has(id))].filter(({ id }) =>
          view.has(id)
        )
    this.position = 0
  }

  next(): Tenant | undefined {
    return this.order[this.position++]
  }
}

/** The view, or `undefined` while it is too old; logs both transitions. */
const freshView = (
  discovery: TenantDiscoveryService,
  maxAge: number | undefined
): Effect.Effect<TenantView | undefined> => {
  if (maxAge === undefined) return discovery.view.get
  let stale = false
  return discovery.requireFresh(maxAge).pipe(
    Effect.tap(() => {
      if (!stale) return Effect.void
      stale = false
      return Effect.logInfo("tenant view is fresh again; resuming ticks")
    }),
    Effect.catchTag("StaleTenantView", (error) => {
      if (stale) return Effect.succeed(undefined)
      stale = true
      return Effect.as(Effect.logWarning("tenant view is stale; skipping ticks", error), undefined)
    })
  )
}

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
    const turns = new Turns()
    /** Open: there may be a run to start. */
    const wake = yield* Effect.makeLatch(false)
    /** Open: no run is under way, and no turn is left. */
    const idle = yield* Effect.makeLatch(true)
    /** Open: some runs are under way. */
    const busy = yield* Effect.makeLatch(false)
    let tickedAt = 0
    let interval = 0

    const settle = (): void => {
      if (!turns.isEmpty) wake.unsafeOpen()
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
        const tenant = turns.next()
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
    }).pipe(Effect.forever)

    let late = false
    const reportLate = (left: number): Effect.Effect<void> => {
      if (left > 0 === late) return Effect.void
      late = left > 0
      return late
        ? Effect.logWarning(
            `${left} tenants had no turn before the next tick, ${running.size} runs are under way; these tenants come first now. Raise concurrency, set a timeout or tick less often`
          )
        : Effect.logInfo("every tenant has its turn within a tick again")
    }

    const fresh = freshView(discovery, settings.requireFresh)
    const tick = Effect.flatMap(fresh, (view) => {
      if (view === undefined) return Effect.sync(() => metrics.staleTicks(1))
      const left = turns.left.length
      turns.begin(view)
      tickedAt = momentOf(clock).wall
      if (!turns.isEmpty) {
        idle.unsafeClose()
        wake.unsafeOpen()
      }
      const reported = reportLate(left)
      return settings.overlap === "wait" ? Effect.zipRight(reported, idle.await) : reported
    })
    const delays = makeDelays(options.schedule)
    const ticks = Effect.gen(function* () {
      for (;;) {
        const delay = yield* delays.next()
        if (delay === undefined) return yield* Effect.logInfo("schedule ended; no more ticks")
        interval = delay
        yield* longSleep(delay)
        yield* tick
      }
    }).pipe(
      Effect.catchAllCause((cause) => Effect.logError("schedule failed; no more ticks", cause))
    )

    const longRunAfter = () =>
      settings.longRunAfter ??
      Math.max(defaults.longRunAtLeast, defaults.longRunIntervals * interval)
    const reportLongRun = (run: Run): Effect.Effect<void> => {
      const age = momentOf(clock).mono - run.startedAt.mono
      run.longRunning = true
      metrics.longRuns(1)
      return Effect.annotateLogs(
        Effect.logWarning(
          `run is under way for ${Duration.format(Math.round(age))}; it keeps its place until it ends`
        ),
        "tenant_id",
        run.tenant.id
      )
    }
    /** Sleeps until the oldest run becomes a long one; without runs no timer runs. */
    const watch = Effect.gen(function* () {
      yield* busy.await
      const oldest = [...running.values()].find(({ longRunning }) => !longRunning)
      if (oldest === undefined) return yield* busy.close
      const left = oldest.startedAt.mono + longRunAfter() - momentOf(clock).mono
      if (left > 0) yield* longSleep(left)
      else yield* reportLongRun(oldest)
    }).pipe(Effect.forever)

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
        for (const { id } of turns.left) add(id, "Waiting", tickedAt)
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

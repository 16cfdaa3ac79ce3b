/**
 * A job over all tenants, on a schedule.
 *
 * A tick only lays out the turns. One fiber, the dispatcher, gives them: it starts a
 * fiber a run while there is room, and the end of a run makes room. So a tick waits
 * for nobody, and `concurrency` is a bound on all that runs, stragglers included.
 */
import { Cause, type Clock, Duration, Effect, Exit, type Fiber, type Scope } from "effect"
import { CurrentTenant } from "../../CurrentTenant.js"
import type { Tenant, TenantId } from "../../Tenant.js"
import { TenantDiscovery } from "../../TenantDiscovery.js"
import type { TenantDiscoveryService } from "../../TenantDiscoveryService.js"
import type { TenantView } from "../../TenantView.js"
import { interrupt, makeStartFor, type StartFor } from "./fibers.js"
import { followView } from "./followView.js"
import { makeMetrics } from "./metrics.js"
import { defaults, positive, type ScheduledOptions } from "./options.js"
import { forEach, whileTrue } from "./slices.js"
import { register, type TenantWorkerStatus, type TenantWorkStatus } from "./status.js"
import { Troubles } from "./troubles.js"
import { Turns } from "./turns.js"

interface Run {
  readonly tenant: Tenant
  readonly since: number
  /** Of the view in which the tenant was seen active when its run began. */
  readonly revision: number
  readonly fiber: Fiber.RuntimeFiber<unknown>
  /** When it was told to end. */
  leaving: number | undefined
}

/** What a run comes to that failed, once that has been told. */
const FAILED = Symbol("failed")

/** The runs that are under way, and those to come. */
class Dispatcher<E, R> {
  private readonly turns = new Turns()
  private readonly running = new Map<TenantId, Run>()
  private readonly troubles: Troubles<R>
  private readonly metrics
  private readonly concurrency: number
  private readonly body: Effect.Effect<unknown, never, R | CurrentTenant>
  /** Open: the dispatcher has something to look at. */
  private readonly wake = Effect.unsafeMakeLatch(false)
  /** Open: nobody runs and nobody is to have a turn. */
  private readonly idle = Effect.unsafeMakeLatch(true)
  private ticked = 0
  /** Of the view whose tenants have their turns. */
  private revision = 0

  constructor(
    private readonly options: Omit<ScheduledOptions<E, R>, "schedule">,
    private readonly discovery: TenantDiscoveryService,
    private readonly clock: Clock.Clock,
    private readonly start: StartFor<R | CurrentTenant>
  ) {
    const { name, concurrency = defaults.concurrency } = options
    positive(name, "concurrency", concurrency)
    this.concurrency = concurrency
    this.troubles = new Troubles(clock, options.failureBackoff)
    this.metrics = makeMetrics(name, "scheduled", () => this.running.size)
    this.body = this.makeBody()
  }

  private makeBody(): Effect.Effect<unknown, never, R | CurrentTenant> {
    const { retry, run, timeout } = this.options
    const retried = retry === undefined ? run : Effect.retry(run, retry)
    const timed =
      timeout === undefined ? retried : Effect.timeout(retried, Duration.decode(timeout))
    return Effect.catchAllCause(timed, (cause) => this.failed(cause))
  }

  private failed(cause: Cause.Cause<unknown>): Effect.Effect<unknown, never, R | CurrentTenant> {
    return Effect.gen(this, function* () {
      const { id } = yield* CurrentTenant
      const trouble = yield* this.troubles.failed(id, cause)
      const next =
        trouble.delay > 0 ? `left out for ${Duration.format(trouble.delay)}` : "its next turn comes"
      yield* Effect.logError(`a tenant's run failed, ${trouble.failures} in a row; ${next}`, cause)
      return FAILED
    })
  }

  /** Lays out the turns of a new tick; gives how many of the last one had none. */
  begin(view: TenantView): number {
    const left = this.turns.begin(view.tenants)
    this.revision = view.revision
    this.ticked = this.clock.unsafeCurrentTimeMillis()
    if (this.turns.left > 0) {
      this.idle.unsafeClose()
      this.wake.unsafeOpen()
    }
    return left
  }

  /** When all turns have been taken and all runs have ended. */
  get settled(): Effect.Effect<void> {
    return this.idle.await
  }

  get active(): number {
    return this.running.size
  }

  /** Gives the turns, for ever. */
  readonly dispatch: Effect.Effect<never> = Effect.suspend(() => this.wake.await).pipe(
    Effect.zipRight(
      Effect.suspend(() => {
        this.wake.unsafeClose()
        return whileTrue(this.discovery.view.get, (view) => this.pump(view))
      })
    ),
    Effect.forever
  )

  /** Gives one turn; false where there is none to give, or no room. */
  private pump(view: TenantView): boolean {
    const tenant = this.running.size < this.concurrency ? this.turns.next() : undefined
    if (tenant === undefined) {
      this.metrics.report()
      this.settle()
      return false
    }
    const { id } = tenant
    const { tally } = this.metrics
    // The look-up is a tenth of a run that does nothing, and most ticks see no change.
    if (view.revision !== this.revision && !view.has(id)) tally.removed += 1
    else if (this.running.has(id)) tally.overlap += 1
    else if (this.troubles.backsOff(id)) tally.backoff += 1
    else this.run(tenant, view.revision)
    return true
  }

  private run(tenant: Tenant, revision: number): void {
    const fiber = this.start(tenant, this.body)
    const exit = fiber.unsafePoll()
    // One that ended at once needs no entry: nothing could have looked for it meanwhile.
    if (exit !== null) return this.count(tenant, exit)
    const since = this.clock.unsafeCurrentTimeMillis()
    const run: Run = { tenant, since, revision, fiber, leaving: undefined }
    this.running.set(tenant.id, run)
    fiber.addObserver((exit) => this.ended(run, exit))
  }

  private ended({ leaving, tenant }: Run, exit: Exit.Exit<unknown>): void {
    this.running.delete(tenant.id)
    this.count(tenant, exit)
    if (leaving !== undefined) this.troubles.forget(tenant.id)
    this.metrics.report()
    if (this.turns.left > 0) this.wake.unsafeOpen()
    else this.settle()
  }

  private count(tenant: Tenant, exit: Exit.Exit<unknown>): void {
    const { tally } = this.metrics
    tally.runs += 1
    if (Exit.isFailure(exit)) this.broken(tenant, exit.cause)
    else if (exit.value === FAILED) tally.failures += 1
    else this.troubles.succeeded(tenant.id)
  }

  /** A run that was interrupted; what its finalizers died of is told. */
  private broken(tenant: Tenant, cause: Cause.Cause<never>): void {
    const { tally } = this.metrics
    if (Cause.isInterruptedOnly(cause)) {
      tally.interrupted += 1
      return
    }
    tally.failures += 1
    this.start(tenant, Effect.logError("a tenant's run died while it was being ended", cause))
  }

  private settle(): void {
    if (this.running.size === 0 && this.turns.left === 0) this.idle.unsafeOpen()
  }

  /** The tenant left: the run to be ended, if there is one that began before. */
  removed(id: TenantId, revision: number): Run | undefined {
    this.troubles.forget(id)
    const run = this.running.get(id)
    if (run === undefined || run.revision >= revision || run.leaving !== undefined) return
    run.leaving = this.clock.unsafeCurrentTimeMillis()
    return run
  }

  /** Ends a run, unless it has ended: its ID may be another run's by now. */
  end(run: Run): void {
    if (this.running.get(run.tenant.id) === run) interrupt(run.fiber)
  }

  staleTick(): void {
    this.metrics.staleTick()
  }

  /** No new runs; those under way have `drain` to end, then are interrupted and awaited. */
  shutdown(drain: Duration.Duration): Effect.Effect<void> {
    return Effect.gen(this, function* () {
      this.turns.clear()
      this.settle()
      if (this.running.size > 0 && Duration.greaterThan(drain, Duration.zero)) {
        yield* Effect.timeoutOption(this.idle.await, drain).pipe(Effect.interruptible)
      }
      if (this.running.size > 0) {
        yield* Effect.logDebug(`interrupting ${this.running.size} runs that have not ended`)
      }
      yield* forEach([...this.running.values()], (run) => {
        run.leaving ??= this.clock.unsafeCurrentTimeMillis()
        this.end(run)
      })
      yield* this.idle.await
    })
  }

  snapshot(): TenantWorkerStatus {
    const now = this.clock.unsafeCurrentTimeMillis()
    const all = new Map<TenantId, TenantWorkStatus>()
    for (const [id, { failures, last, retryAt }] of this.troubles.entries()) {
      if (failures === 0 || retryAt <= now) continue
      all.set(id, { state: "BackingOff", since: last.at, restarts: failures, lastFailure: last })
    }
    const add = (id: TenantId, state: TenantWorkStatus["state"], since: number) => {
      const trouble = this.troubles.get(id)
      const restarts = trouble?.failures ?? 0
      all.set(id, { state, since, restarts, lastFailure: trouble?.last })
    }
    for (const { id } of this.turns.waiting()) {
      if (!all.has(id)) add(id, "Waiting", this.ticked)
    }
    for (const [id, { leaving, since }] of this.running) {
      add(id, leaving === undefined ? "Running" : "Draining", leaving ?? since)
    }
    return all
  }
}

/** Whether a tick may use the view. One warning while it may not, one word when it may again. */
const makeFresh = (
  discovery: TenantDiscoveryService,
  requireFresh: Duration.DurationInput | undefined
): Effect.Effect<TenantView | undefined> => {
  if (requireFresh === undefined) return discovery.view.get
  let stale = false
  return discovery.requireFresh(requireFresh).pipe(
    Effect.tap(() => {
      if (!stale) return Effect.void
      stale = false
      return Effect.logInfo("the view of the tenants is fresh again; ticks go on")
    }),
    Effect.catchTag("StaleTenantView", (error) => {
      if (stale) return Effect.succeed(undefined)
      stale = true
      return Effect.as(
        Effect.logWarning("ticks are left out until the view of the tenants is fresh again", error),
        undefined
      )
    })
  )
}

/** Says once that ticks come faster than turns, and once that they no longer do. */
const makeLate = (name: string) => {
  let late = false
  return (left: number, active: number): Effect.Effect<void> => {
    if (left > 0 === late) return Effect.void
    late = left > 0
    return late
      ? Effect.logWarning(
          `${left} tenants had no turn before the next tick of "${name}", ${active} runs are under way: ` +
            "they come first now. More concurrency, a timeout or a slower schedule would help"
        )
      : Effect.logInfo("every tenant has its turn within a tick again")
  }
}

export const scheduled = <E, R, RS>(
  options: ScheduledOptions<E, R, RS>
): Effect.Effect<void, never, TenantDiscovery | Exclude<R, CurrentTenant> | RS | Scope.Scope> =>
  Effect.gen(function* () {
    const discovery = yield* TenantDiscovery
    const scope = yield* Effect.scope
    const start = yield* makeStartFor<R | CurrentTenant>(options.name)
    const dispatcher = new Dispatcher(options, discovery, yield* Effect.clock, start)
    const grace = Duration.decode(options.removalGrace ?? defaults.removalGrace)
    const drain = Duration.decode(options.drain ?? defaults.drainScheduled)

    yield* register(discovery, options.name, () => dispatcher.snapshot())
    // The scope closes in reverse: ticks and turns first, then the runs, then the
    // reader that ends the runs of those who leave.
    yield* followView(discovery, yield* discovery.view.get, (changes, revision) =>
      Effect.forEach(
        changes,
        (change) => {
          const run =
            change._tag === "Removed" ? dispatcher.removed(change.tenant.id, revision) : undefined
          if (run === undefined) return Effect.void
          const end = Effect.sync(() => dispatcher.end(run))
          return Duration.equals(grace, Duration.zero)
            ? end
            : Effect.forkIn(Effect.delay(end, grace), scope)
        },
        { discard: true }
      )
    )
    yield* Effect.addFinalizer(() => dispatcher.shutdown(drain))
    yield* Effect.forkScoped(Effect.interruptible(dispatcher.dispatch))

    const fresh = makeFresh(discovery, options.requireFresh)
    const late = makeLate(options.name)
    const tick = Effect.flatMap(fresh, (view) => {
      if (view === undefined) return Effect.sync(() => dispatcher.staleTick())
      const left = dispatcher.begin(view)
      const told = late(left, dispatcher.active)
      return options.overlap === "wait" ? Effect.zipRight(told, dispatcher.settled) : told
    })
    yield* Effect.schedule(tick, options.schedule).pipe(
      Effect.zipRight(Effect.logDebug("the schedule is through; no more ticks")),
      Effect.tapErrorCause((cause) => Effect.logError("the schedule died; no more ticks", cause)),
      Effect.interruptible,
      Effect.forkScoped
    )
  }).pipe(Effect.annotateLogs("worker", options.name))

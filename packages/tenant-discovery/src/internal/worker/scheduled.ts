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
  revision: number
  failed: boolean
  /** The tenant turned out to have left when its turn came. */
  skipped: boolean
  /** When it was told to end. */
  leaving: number | undefined
  fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined
}

/** The runs that are under way, and those to come. */
class Dispatcher<E, R> {
  private readonly turns = new Turns()
  private readonly running = new Map<TenantId, Run>()
  private readonly troubles: Troubles<R>
  private readonly metrics
  private readonly concurrency: number
  private readonly body: Effect.Effect<void, never, R | CurrentTenant>
  /** Open: the dispatcher has something to look at. */
  private readonly wake = Effect.unsafeMakeLatch(false)
  /** Open: nobody runs and nobody is to have a turn. */
  private readonly idle = Effect.unsafeMakeLatch(true)
  private pumping = false
  private ticked = 0

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

  private makeBody(): Effect.Effect<void, never, R | CurrentTenant> {
    const { retry, run, timeout } = this.options
    const retried = retry === undefined ? run : Effect.retry(run, retry)
    const timed =
      timeout === undefined ? retried : Effect.timeout(retried, Duration.decode(timeout))
    return Effect.catchAllCause(Effect.asVoid(timed), (cause) => this.failed(cause))
  }

  private failed(cause: Cause.Cause<unknown>): Effect.Effect<void, never, R | CurrentTenant> {
    return Effect.gen(this, function* () {
      const { id } = yield* CurrentTenant
      const run = this.running.get(id)
      if (run !== undefined) run.failed = true
      const trouble = yield* this.troubles.failed(id, cause)
      const next =
        trouble.delay > 0 ? `left out for ${Duration.format(trouble.delay)}` : "its next turn comes"
      yield* Effect.logError(`a tenant's run failed, ${trouble.failures} in a row; ${next}`, cause)
    })
  }

  /** Lays out the turns of a new tick; gives how many of the last one had none. */
  begin(view: TenantView): number {
    const left = this.turns.begin(view.tenants)
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
        return whileTrue(() => this.pump())
      })
    ),
    Effect.forever
  )

  /** Gives one turn; false where there is none to give, or no room. */
  private pump(): boolean {
    const tenant = this.running.size < this.concurrency ? this.turns.next() : undefined
    if (tenant === undefined) {
      this.metrics.report()
      this.settle()
      return false
    }
    this.pumping = true
    this.turn(tenant)
    this.pumping = false
    return true
  }

  private turn(tenant: Tenant): void {
    const { id } = tenant
    if (this.running.has(id)) {
      this.metrics.tally.overlap += 1
      return
    }
    if (this.troubles.backsOff(id)) {
      this.metrics.tally.backoff += 1
      return
    }
    const run: Run = {
      tenant,
      since: this.clock.unsafeCurrentTimeMillis(),
      revision: -1,
      failed: false,
      skipped: false,
      leaving: undefined,
      fiber: undefined
    }
    this.running.set(id, run)
    // It is looked at in the run's own fiber, so that nothing comes between the look
    // and the work; a removal after it finds the run.
    const fiber = this.start(
      tenant,
      Effect.flatMap(this.discovery.view.get, (view) => {
        run.revision = view.revision
        if (view.has(id)) return this.body
        run.skipped = true
        return Effect.void
      })
    )
    run.fiber = fiber
    fiber.addObserver((exit) => this.ended(run, exit))
  }

  private ended(run: Run, exit: Exit.Exit<void>): void {
    const { tenant } = run
    const { tally } = this.metrics
    this.running.delete(tenant.id)
    if (run.skipped) {
      tally.removed += 1
    } else {
      tally.runs += 1
      if (Exit.isFailure(exit)) this.broken(tenant, exit.cause)
      else if (run.failed) tally.failures += 1
      else this.troubles.succeeded(tenant.id)
    }
    if (run.leaving !== undefined) this.troubles.forget(tenant.id)
    if (this.pumping) return
    this.metrics.report()
    if (this.turns.left > 0) this.wake.unsafeOpen()
    else this.settle()
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
    if (run.fiber !== undefined && this.running.get(run.tenant.id) === run) interrupt(run.fiber)
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

/**
 * Which tenants' work is under way, and what becomes of it.
 *
 * All decisions are here, and synchronous: a change of the view, the end of a fiber,
 * room for one more. Fibers of tenants are the only children: one at a time for a
 * tenant, either its work or its pause before the work begins again.
 */
import { Cause, type Clock, Duration, Effect, Exit, type Fiber, Schedule } from "effect"
import type { Tenant, TenantId } from "../../Tenant.js"
import type { TenantChange } from "../../TenantChange.js"
import type { TenantDiscoveryService } from "../../TenantDiscoveryService.js"
import type { TenantView } from "../../TenantView.js"
import { type Arrival, Arrivals } from "./arrivals.js"
import { interrupt, type StartFor } from "./fibers.js"
import { makeMetrics } from "./metrics.js"
import { defaults, type PerTenantOptions, positive } from "./options.js"
import { forEach, whileTrue } from "./slices.js"
import { StartRate } from "./startRate.js"
import {
  type TenantWorkerStatus,
  type TenantWorkFailure,
  type TenantWorkState,
  type TenantWorkStatus
} from "./status.js"
import { makeSteps, type Steps } from "./steps.js"

interface Worker<E, R> extends Arrival {
  readonly tenant: Tenant
  state: TenantWorkState
  since: number
  restarts: number
  lastFailure: TenantWorkFailure | undefined
  /** Of the view in which the tenant was seen active when its work began. */
  revision: number
  /** The tenant turned out to have left when its work was to begin. */
  absent: boolean
  fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined
  steps: Steps<Cause.Cause<E>, R> | undefined
  /** What comes when it has drained: itself again, or the tenant that came back meanwhile. */
  next: "restart" | { readonly tenant: Tenant; readonly arrival: number } | undefined
}

const defaultRestart = Schedule.exponential(defaults.restartFrom).pipe(
  Schedule.modifyDelay((_, delay) => Duration.min(delay, defaults.restartTo)),
  Schedule.jittered
)

export class Supervisor<E, R> {
  private readonly workers = new Map<TenantId, Worker<E, R>>()
  private readonly arrivals = new Arrivals<Worker<E, R>>()
  private arrived = 0
  /** Workers that have a place: running, backing off, draining. */
  private held = 0
  private running = 0
  private closing = false
  private pause = 0
  private readonly rate: StartRate
  private readonly metrics
  private readonly restart: Schedule.Schedule<unknown, Cause.Cause<E>, R>
  private readonly resetAfter: number
  /** Open: there may be somebody to start. */
  private readonly wake = Effect.unsafeMakeLatch(false)
  /** Open: no fiber is left. */
  private readonly idle = Effect.unsafeMakeLatch(true)

  constructor(
    private readonly options: PerTenantOptions<E, R>,
    private readonly maxTenants: number,
    private readonly discovery: TenantDiscoveryService,
    private readonly clock: Clock.Clock,
    private readonly startFor: StartFor<R>
  ) {
    const { name, startRate = defaults.startRate } = options
    positive(name, "maxTenants", maxTenants)
    positive(name, "startRate", startRate)
    this.rate = new StartRate(startRate)
    this.metrics = makeMetrics(name, "perTenant", () => this.running)
    this.restart = options.restart ?? defaultRestart
    this.resetAfter = Duration.toMillis(options.restartReset ?? defaults.restartReset)
  }

  private get now(): number {
    return this.clock.unsafeCurrentTimeMillis()
  }

  private become(worker: Worker<E, R>, state: TenantWorkState): void {
    worker.state = state
    worker.since = this.now
  }

  // What the view tells.

  apply(change: TenantChange, revision: number): void {
    if (this.closing && change._tag !== "Removed") return
    const { tenant } = change
    const worker = this.workers.get(tenant.id)
    switch (change._tag) {
      case "Added":
        return this.added(tenant, worker)
      case "Removed":
        return worker === undefined ? undefined : this.removed(worker, revision)
      case "ConnectionsChanged":
        if (this.options.onConnectionsChanged !== "restart" || worker === undefined) return
        return this.renew(worker, revision)
      case "Updated":
        return
    }
  }

  private added(tenant: Tenant, worker: Worker<E, R> | undefined): void {
    const arrival = this.arrived++
    if (worker === undefined) this.enqueue(tenant, arrival)
    else if (worker.state === "Draining") worker.next = { tenant, arrival }
  }

  private enqueue(tenant: Tenant, arrival: number): void {
    const worker: Worker<E, R> = {
      tenant,
      arrival,
      gone: false,
      state: "Waiting",
      since: this.now,
      restarts: 0,
      lastFailure: undefined,
      revision: -1,
      absent: false,
      fiber: undefined,
      steps: undefined,
      next: undefined
    }
    this.workers.set(tenant.id, worker)
    this.arrivals.add(worker)
    this.wake.unsafeOpen()
  }

  private removed(worker: Worker<E, R>, revision: number): void {
    switch (worker.state) {
      case "Waiting":
        this.arrivals.leave(worker)
        this.workers.delete(worker.tenant.id)
        return
      case "Ended":
        this.workers.delete(worker.tenant.id)
        return
      case "Draining":
        worker.next = undefined
        return
      case "Running":
      case "BackingOff":
        // One that began in a later view is the tenant that has come back already.
        if (worker.revision < revision) this.drain(worker)
    }
  }

  private renew(worker: Worker<E, R>, revision: number): void {
    if (worker.state !== "Running" && worker.state !== "BackingOff") return
    if (worker.revision >= revision) return
    worker.next = "restart"
    this.drain(worker)
  }

  private drain(worker: Worker<E, R>): void {
    this.become(worker, "Draining")
    if (worker.fiber !== undefined) interrupt(worker.fiber)
  }

  // Starting.

  /** Starts whoever waits, as room and rate allow, for ever. */
  readonly dispatch: Effect.Effect<never> = Effect.suspend(() => this.wake.await).pipe(
    Effect.zipRight(
      Effect.suspend(() => {
        this.wake.unsafeClose()
        return this.startAll()
      })
    ),
    Effect.forever
  )

  private startAll(): Effect.Effect<void> {
    return Effect.flatMap(
      whileTrue(this.discovery.view.get, (view) => this.startOne(view)),
      () =>
        this.pause > 0
          ? Effect.zipRight(
              Effect.sleep(this.pause),
              Effect.suspend(() => this.startAll())
            )
          : Effect.void
    )
  }

  private startOne(view: TenantView): boolean {
    this.pause = 0
    if (this.held >= this.maxTenants || this.arrivals.size === 0) return false
    this.pause = this.rate.wait(this.now)
    if (this.pause > 0) return false
    const worker = this.arrivals.take()
    if (worker === undefined) return false
    if (!view.has(worker.tenant.id)) {
      // It left, and nobody told so far.
      this.workers.delete(worker.tenant.id)
      this.metrics.tally.removed += 1
      return true
    }
    this.rate.took(this.now)
    this.held += 1
    this.idle.unsafeClose()
    this.begin(worker, this.options.run, view.revision)
    return true
  }

  private begin(worker: Worker<E, R>, run: Effect.Effect<unknown, E, R>, revision: number): void {
    this.become(worker, "Running")
    worker.revision = revision
    worker.absent = false
    this.running += 1
    const fiber = this.startFor(worker.tenant, run)
    worker.fiber = fiber
    fiber.addObserver((exit) => this.ended(worker, exit))
    this.metrics.report()
  }

  /** At once and in its place, if the tenant has not left, which nobody may have told so far. */
  private beginAgain(worker: Worker<E, R>): void {
    worker.restarts += 1
    const run = Effect.flatMap(this.discovery.view.get, (view): Effect.Effect<unknown, E, R> => {
      worker.revision = view.revision
      if (view.has(worker.tenant.id)) return this.options.run
      worker.absent = true
      return Effect.void
    })
    this.begin(worker, run, -1)
  }

  // Ending.

  private ended(worker: Worker<E, R>, exit: Exit.Exit<unknown, E>): void {
    const { tally } = this.metrics
    this.running -= 1
    this.metrics.report()
    if (worker.absent) {
      tally.removed += 1
      return this.drained(worker)
    }
    tally.runs += 1
    const draining = worker.state === "Draining" || this.closing
    if (Exit.isFailure(exit)) {
      if (draining && Cause.isInterruptedOnly(exit.cause)) {
        tally.interrupted += 1
      } else {
        tally.failures += 1
        worker.lastFailure = { at: this.now, cause: exit.cause }
        if (draining) this.tell(worker, exit.cause)
      }
    }
    if (draining) return this.drained(worker)
    if (Exit.isFailure(exit)) return this.rest(worker, exit.cause)
    if (this.options.restartOnEnd === true) return this.rest(worker, Cause.empty)
    this.end(worker)
  }

  private tell(worker: Worker<E, R>, cause: Cause.Cause<E>): void {
    this.startFor(
      worker.tenant,
      Effect.logError("a tenant's work failed while it was being ended", cause)
    )
  }

  private drained(worker: Worker<E, R>): void {
    const { next } = worker
    worker.next = undefined
    if (this.closing || next === undefined) return this.release(worker)
    if (next === "restart") return this.beginAgain(worker)
    this.release(worker)
    this.enqueue(next.tenant, next.arrival)
  }

  /** Its place is free, and nothing is kept of it. */
  private release(worker: Worker<E, R>): void {
    this.workers.delete(worker.tenant.id)
    this.free()
  }

  /** Its place is free; that it ended is still told. */
  private end(worker: Worker<E, R>): void {
    this.become(worker, "Ended")
    worker.fiber = undefined
    this.free()
  }

  private free(): void {
    this.held -= 1
    if (this.held === 0) this.idle.unsafeOpen()
    if (this.arrivals.size > 0) this.wake.unsafeOpen()
  }

  /** The pause before it begins again; it keeps its place. */
  private rest(worker: Worker<E, R>, cause: Cause.Cause<E>): void {
    const steps = (worker.steps ??= makeSteps(this.restart))
    if (this.now - worker.since >= this.resetAfter) steps.reset()
    this.become(worker, "BackingOff")
    const fiber = this.startFor(
      worker.tenant,
      Effect.flatMap(steps.next(cause), (delay) =>
        Effect.as(this.pauseFor(cause, delay), delay !== undefined)
      )
    )
    worker.fiber = fiber
    fiber.addObserver((exit) => this.rested(worker, exit))
  }

  private pauseFor(cause: Cause.Cause<E>, delay: number | undefined): Effect.Effect<void> {
    if (delay === undefined) {
      return Effect.logError("a tenant's work failed, and its restarts are used up", cause)
    }
    const told = Cause.isEmpty(cause)
      ? Effect.logDebug(`a tenant's work ended; it begins again in ${Duration.format(delay)}`)
      : Effect.logWarning(
          `a tenant's work failed; it begins again in ${Duration.format(delay)}`,
          cause
        )
    return Effect.zipRight(told, Effect.sleep(delay))
  }

  private rested(worker: Worker<E, R>, exit: Exit.Exit<boolean>): void {
    if (worker.state === "Draining" || this.closing) return this.drained(worker)
    if (Exit.isFailure(exit)) this.tell(worker, exit.cause)
    if (Exit.isFailure(exit) || !exit.value) return this.end(worker)
    this.beginAgain(worker)
  }

  /** Nobody is started any more; who runs has `drain` to end, then is interrupted and awaited. */
  shutdown(drain: Duration.Duration): Effect.Effect<void> {
    return Effect.gen(this, function* () {
      this.closing = true
      for (const worker of this.workers.values()) {
        if (worker.state === "Waiting" || worker.state === "Ended") {
          this.workers.delete(worker.tenant.id)
        } else if (worker.state === "BackingOff") {
          this.drain(worker)
        }
      }
      this.arrivals.clear()
      if (this.held > 0 && Duration.greaterThan(drain, Duration.zero)) {
        yield* Effect.timeoutOption(this.idle.await, drain).pipe(Effect.interruptible)
      }
      yield* forEach([...this.workers.values()], (worker) => {
        if (worker.state === "Running") this.drain(worker)
      })
      yield* this.idle.await
    })
  }

  snapshot(): TenantWorkerStatus {
    const all = new Map<TenantId, TenantWorkStatus>()
    for (const [id, { lastFailure, restarts, since, state }] of this.workers) {
      all.set(id, { state, since, restarts, lastFailure })
    }
    return all
  }
}

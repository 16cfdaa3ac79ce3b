/**
 * The runs of a worker: one place where they begin, and one where they end.
 *
 * Each run is a fiber of its own, forked from the runtime of the layer, with a scope and a root
 * span of its own. Interrupting a run never blocks the caller and is bounded by `closeTimeout`.
 */
import {
  Cause,
  Duration,
  Effect,
  Exit,
  Fiber,
  FiberId,
  FiberSet,
  Option,
  Runtime,
  type Scope,
  Stream
} from "effect"
import { CurrentTenant } from "../../CurrentTenant.js"
import { type Lease, TenantAssignment, TenantLease } from "../../TenantAssignment.js"
import type { Tenant, TenantId } from "../../Tenant.js"
import type { TenantChange } from "../../TenantChange.js"
import { TenantDiscovery } from "../../TenantDiscovery.js"
import { TenantView } from "../../TenantView.js"
import { makeAssignedView } from "../assignment/assignedView.js"
import { follows } from "../assignment/followers.js"
import { noLease, underLease, watchLeases } from "../assignment/underLease.js"
import { boundedWait } from "../boundedWait.js"
import { ResourceHolder } from "../layers/resourceHolder.js"
import { type Moment, momentOf } from "../moment.js"
import { quietly } from "./transitions.js"
import type { WorkerMetrics } from "./workerMetrics.js"
import { noStatus, type TenantWorkStatus } from "./workerStatus.js"

/** Why a run is to end. */
export type EndReason = "Removed" | "Unassigned" | "ConnectionsChanged" | "Revoked" | "Closing"

export interface Run {
  readonly tenant: Tenant
  readonly fiber: Fiber.RuntimeFiber<unknown, unknown>
  readonly startedAt: Moment
  /** Revision of the view in which the tenant was active when the run began. */
  readonly revision: number
  ending?: { readonly reason: EndReason; readonly since: number } | undefined
  /** Interrupts the run when its grace has passed. */
  grace?: Fiber.Fiber<void> | undefined
  longRunning: boolean
  /** Held before the work begins. */
  lease?: Lease | undefined
  /** The pools in which it waits for a place. */
  readonly waits: Set<{ readonly pool: string }>
}

/** What the layer must provide to a run that requires `R`. */
export type RunContext<R> = Exclude<
  Exclude<Exclude<Exclude<R, Scope.Scope>, TenantLease>, ResourceHolder>,
  CurrentTenant
>

export interface SupervisorOptions<E, R> {
  readonly drain: number
  readonly closeTimeout: number
  readonly metrics: Omit<WorkerMetrics, "consumers">
  readonly run: Effect.Effect<unknown, E, R>
  /** A run ended with its finalizers, or was left behind. It is no longer in `running`. */
  readonly onEnd: (run: Run, exit: Exit.Exit<unknown, E>) => OfRun<R>
}

/** An effect in the context of a run whose scope has closed. */
type OfRun<R> = Effect.Effect<void, never, Exclude<R, Scope.Scope>>

export interface DispatcherOptions {
  /** How many runs may be under way at once. */
  readonly limit: number
  readonly hasQueued: () => boolean
  /** Waits until one more run may start. */
  readonly permit: Effect.Effect<void>
  /** Takes the next tenant of the queue, where there is one, and starts its run or skips it. */
  readonly take: (view: TenantView) => void
  /** Runs when nothing more can start for the present. */
  readonly afterwards: Effect.Effect<void>
}

/** How long runs may be started and interrupted before timers and sockets have their turn. */
const MAX_TURN = 20

const MAX_NAMED = 10

/** The status of a run, over what is known of its tenant. */
export const statusOfRun = (run: Run, known: TenantWorkStatus | undefined): TenantWorkStatus => ({
  ...(known ?? noStatus),
  state: run.ending === undefined ? "Running" : "Draining",
  since: run.ending?.since ?? run.startedAt.wall,
  longRunning: run.longRunning,
  waitsForPool: [...run.waits][0]?.pool
})

export const makeSupervisor = <E, R>(options: SupervisorOptions<E, R>) =>
  Effect.gen(function* () {
    const { closeTimeout, drain, metrics } = options
    const discovery = yield* TenantDiscovery
    const assignment = yield* TenantAssignment
    const { drop, view } = makeAssignedView(discovery.view, assignment)
    const { owns } = yield* assignment.view.get
    const runFork = Runtime.runFork(yield* Effect.runtime<RunContext<R>>())
    const clock = yield* Effect.clock
    const builder = yield* Effect.option(Effect.currentParentSpan)
    let turnBegan = 0
    /**
     * Lets timers and sockets have their turn. `Effect.yieldNow` would not: it stays among the
     * microtasks for up to 2048 rounds, and so do runs that wait for no I/O.
     */
    const breathe = Effect.suspend(() => {
      const { mono } = momentOf(clock)
      if (mono - turnBegan < MAX_TURN) return Effect.void
      return Effect.map(Effect.sleep(0), () => {
        turnBegan = momentOf(clock).mono
      })
    })
    const loops = yield* FiberSet.make()
    const fibers = yield* FiberSet.make<void>()
    const running = new Map<TenantId, Run>()
    /** The view whose changes are handled. */
    let seen = yield* view.get
    let closing = false
    const leave = yield* follows(assignment)
    yield* quietly(Effect.logInfo(`worker works for ${assignment.description}`))
    /** Open: there may be a run to start. */
    const wake = yield* Effect.makeLatch(true)

    const leased = (run: Run) =>
      underLease(
        assignment,
        run.tenant.id,
        (lease) => Effect.provideService(options.run, TenantLease, lease),
        {
          held: (lease) => {
            run.lease = lease
          },
          refused: end(run, "Unassigned")
        }
      )

    const spanned = (run: Run) =>
      Effect.withSpan(leased(run), "TenantWorker.run", {
        root: true,
        captureStackTrace: false,
        links: Option.toArray(builder).map((span) => ({ _tag: "SpanLink", span, attributes: {} }))
      })

    const ended = (run: Run, exit: Exit.Exit<unknown, E>): OfRun<R> =>
      Effect.suspend(() => {
        // A run that was left behind has been counted.
        if (running.get(run.tenant.id) !== run) return Effect.void
        running.delete(run.tenant.id)
        wake.unsafeOpen()
        const isInterrupted = Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)
        metrics.active(running.size)
        metrics.runs(1)
        metrics.runSeconds((momentOf(clock).mono - run.startedAt.mono) / 1000)
        if (isInterrupted && run.ending !== undefined) metrics.interrupted(1)
        else if (Exit.isFailure(exit)) metrics.failed(1)
        const handled = options.onEnd(run, exit)
        return Exit.isFailure(exit) && !isInterrupted && run.ending !== undefined
          ? Effect.zipRight(handled, Effect.logWarning("run failed while it ended", exit.cause))
          : handled
      })

    /** In the context of a run: its tenant, its lease, and a way for pools to interrupt it. */
    const inRun =
      (run: Run) =>
      (effect: OfRun<R>): Effect.Effect<void, never, RunContext<R>> =>
        effect.pipe(
          Effect.provideServiceEffect(
            TenantLease,
            Effect.sync(() => run.lease ?? noLease(run.tenant.id))
          ),
          Effect.provideService(ResourceHolder, {
            revoke: end(run, "Revoked"),
            waits: run.waits
          }),
          CurrentTenant.provide(run.tenant)
        )

    /**
     * Starts a run at once, unless the tenant is not active in `view`, or is another replica's:
     * then it answers false.
     */
    const start = (view: TenantView, id: TenantId): boolean => {
      const tenant = view.get(id)
      if (closing || tenant === undefined) return false
      if (!owns(id)) {
        drop(id)
        return false
      }
      const begin = Effect.withFiberRuntime<void, never, RunContext<R>>((fiber) => {
        const run: Run = {
          tenant,
          fiber,
          startedAt: momentOf(clock),
          revision: view.revision,
          longRunning: false,
          waits: new Set()
        }
        running.set(id, run)
        metrics.active(running.size)
        const exit = Effect.exit(Effect.interruptible(spanned(run)))
        return inRun(run)(Effect.flatMap(exit, (exit) => ended(run, exit)))
      })
      runFork(Effect.uninterruptible(begin))
      return true
    }

    /** Interrupts a run, and leaves it behind when it does not end in time. */
    const interrupt = (run: Run): Effect.Effect<void> =>
      Effect.gen(function* () {
        run.grace = undefined
        yield* Fiber.interruptAsFork(run.fiber, FiberId.none)
        const end = yield* Effect.timeoutOption(Fiber.await(run.fiber), closeTimeout)
        if (Option.isSome(end) || running.get(run.tenant.id) !== run) return
        const limit = Duration.format(closeTimeout)
        const warning = quietly(
          Effect.logWarning(
            `interrupted run did not end within ${limit}: its work or a finalizer hangs; leaving it behind`
          )
        )
        runFork(inRun(run)(Effect.zipRight(warning, ended(run, Exit.interrupt(FiberId.none)))))
      })

    /** Forks an effect that is interrupted when the worker has closed. */
    const fork = (effect: Effect.Effect<void>) => FiberSet.run(fibers, Effect.interruptible(effect))

    /** Repeats a step until the worker stops; a defect does not end the loop. */
    const forkLoop = <R>(step: Effect.Effect<unknown, never, R>) =>
      step.pipe(
        Effect.catchAllCause((cause) => quietly(Effect.logError("worker step failed", cause))),
        Effect.forever,
        Effect.interruptible,
        (loop) => FiberSet.run(loops, loop)
      )

    /** Starts runs, one after the other, each time that `wake` is open. */
    const dispatch = ({ afterwards, hasQueued, limit, permit, take }: DispatcherOptions) =>
      forkLoop(
        Effect.gen(function* () {
          yield* wake.await
          yield* wake.close
          while (hasQueued() && running.size < limit) {
            yield* permit
            take(yield* view.get)
            yield* breathe
          }
          yield* afterwards
        })
      )

    /** Interrupts a run after `grace` milliseconds; returns at once. */
    const end = (run: Run, reason: EndReason, grace = 0): Effect.Effect<void> =>
      Effect.suspend(() => {
        // These decide what follows, also when the run was to end before.
        if (run.ending === undefined || reason === "Removed" || reason === "Unassigned") {
          run.ending = { reason, since: momentOf(clock).wall }
        }
        const waited =
          grace === 0 ? Effect.void : Effect.timeoutOption(Fiber.await(run.fiber), grace)
        return Effect.map(fork(Effect.zipRight(waited, interrupt(run))), (fiber) => {
          run.grace = grace === 0 ? undefined : fiber
        })
      })

    /** Keeps a run whose grace has not passed: its tenant is active again. */
    const keep = (run: Run): Effect.Effect<void> =>
      Effect.suspend(() => {
        const { grace } = run
        if (grace === undefined || closing) return Effect.void
        run.grace = undefined
        run.ending = undefined
        return Fiber.interruptAsFork(grace, FiberId.none)
      })

    const awaitAll = Effect.suspend(() =>
      Fiber.awaitAll([...running.values()].map(({ fiber }) => fiber))
    )

    /** Starts no more runs; ends when all have ended, or were left behind. */
    const stop = quietly(
      Effect.gen(function* () {
        closing = true
        metrics.tenants(0)
        yield* quietly(leave)
        const ending = { reason: "Closing", since: momentOf(clock).wall } as const
        for (const run of running.values()) run.ending = ending
        yield* FiberSet.clear(loops)
        if (running.size > 0 && drain > 0) yield* boundedWait(awaitAll, drain)
        for (const { fiber } of running.values()) {
          yield* Fiber.interruptAsFork(fiber, FiberId.none)
          yield* breathe
        }
        if (running.size > 0) yield* boundedWait(awaitAll, closeTimeout)
        if (running.size === 0) return
        const ids = [...running.keys()]
        const more = ids.length > MAX_NAMED ? ` and ${ids.length - MAX_NAMED} more` : ""
        running.clear()
        metrics.active(0)
        yield* Effect.logWarning(
          `shutdown timed out: the interrupted runs of ${ids.slice(0, MAX_NAMED).join(", ")}${more} did not end within ${Duration.format(closeTimeout)}: their work or finalizers hang; leaving them behind`
        )
      })
    )

    /**
     * Handles the changes of the view in order, and stops the worker when the scope or the
     * discovery closes. The scope closes in reverse: first the runs end, then the reader.
     */
    const follow = (handle: (change: TenantChange, run: Run | undefined) => Effect.Effect<void>) =>
      view.changes.pipe(
        Stream.runForEach((view) => {
          const changes = TenantView.diff(seen, view)
          seen = view
          metrics.tenants(view.size)
          const handleOne = (change: TenantChange) => {
            const run = running.get(change.tenant.id)
            // A run of a later view belongs to a tenant that came back.
            const isLater = run !== undefined && run.revision >= view.revision
            return isLater || closing ? Effect.void : handle(change, run)
          }
          return Effect.forEach(changes, handleOne, { discard: true })
        }),
        Effect.matchCauseEffect({
          onSuccess: () => Effect.logWarning("tenant view closed; stopping the worker"),
          onFailure: (cause) =>
            Effect.logError("following the tenant view failed; stopping the worker", cause)
        }),
        quietly,
        Effect.zipRight(stop),
        Effect.interruptible,
        Effect.forkScoped,
        Effect.zipRight(watchLeases(assignment, running, (run) => end(run, "Unassigned"))),
        Effect.zipRight(Effect.addFinalizer(() => stop))
      )

    return { running, view, wake, seen: () => seen, start, dispatch, end, keep, forkLoop, follow }
  })

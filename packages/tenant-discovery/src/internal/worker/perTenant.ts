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
  Fiber,
  FiberId,
  RateLimiter,
  Schedule,
  type Scope
} from "effect"
import type { TenantId } from "../../Tenant.js"
import type { TenantChange } from "../../TenantChange.js"
import { TenantDiscovery } from "../../TenantDiscovery.js"
import { momentOf } from "../moment.js"
import { decodeOptions } from "../options.js"
import { longSleep } from "./delays.js"
import { type Failing, makeFailures } from "./failures.js"
import { breathe, makeSupervisor, type Run, type RunContext, SLICE } from "./supervisor.js"
import { onTransition } from "./transitions.js"
import { makeWorkerMetrics } from "./workerMetrics.js"
import { defaults, type PerTenantOptions, perTenantSettings } from "./workerOptions.js"
import {
  register,
  type TenantWorkFailure,
  type TenantWorkState,
  type TenantWorkStatus
} from "./workerStatus.js"

interface Worker {
  readonly id: TenantId
  /** `Draining` is the state of its run. */
  state: Exclude<TenantWorkState, "Draining">
  /** Milliseconds since the epoch. */
  since: number
  restarts: number
  lastFailure: TenantWorkFailure | undefined
  backoff: Fiber.Fiber<void> | undefined
  /** The tenant was removed and is active again, while its run still ends. */
  returned: boolean
}

const defaultRestart = Schedule.exponential(defaults.restartFrom).pipe(
  Schedule.modifyDelay((_, delay) => Duration.min(delay, defaults.restartTo)),
  Schedule.jitteredWith({ min: 0, max: 1 })
)

const validLimit = Config.validate({
  message: "expected a whole number of 0 or more",
  validation: (limit: number) => Number.isSafeInteger(limit) && limit >= 0
})

const takeFirst = <A>(set: Set<A>): A | undefined => {
  for (const first of set) {
    set.delete(first)
    return first
  }
  return undefined
}

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

export const perTenant = <E, R>(
  options: PerTenantOptions<E, R>
): Effect.Effect<void, ConfigError.ConfigError, TenantDiscovery | RunContext<R> | Scope.Scope> => {
  const { maxTenants } = options
  const settings = decodeOptions("TenantWorker.perTenant", perTenantSettings, {
    ...options,
    maxTenants: Config.isConfig(maxTenants) ? undefined : maxTenants
  })
  const { name } = settings

  return Effect.gen(function* () {
    const discovery = yield* TenantDiscovery
    const clock = yield* Effect.clock
    const configured = Config.isConfig(maxTenants) ? yield* validLimit(maxTenants) : undefined
    const limit = (configured ?? settings.maxTenants) || Infinity
    const permit = yield* makePermit(settings.startRate)
    const metrics = yield* makeWorkerMetrics(name, "perTenant")
    const failures = makeFailures<E, R>(options.restart ?? defaultRestart)
    const workers = new Map<TenantId, Worker>()
    const waiting = new Set<Worker>()
    /** Workers whose run was interrupted in order to start anew: they keep their place. */
    const restarting = new Set<Worker>()
    /** Open: there may be a run to start, or the number of waiting tenants changed. */
    const wake = yield* Effect.makeLatch(true)

    const become = (worker: Worker, state: Worker["state"]): void => {
      worker.state = state
      worker.since = momentOf(clock).wall
    }

    const enqueue = (id: TenantId): void => {
      const worker: Worker = {
        id,
        state: "Waiting",
        since: momentOf(clock).wall,
        restarts: 0,
        lastFailure: undefined,
        backoff: undefined,
        returned: false
      }
      workers.set(id, worker)
      waiting.add(worker)
      wake.unsafeOpen()
    }

    const restart = (worker: Worker, queue: Set<Worker>): void => {
      worker.restarts += 1
      worker.backoff = undefined
      become(worker, "Waiting")
      queue.add(worker)
      wake.unsafeOpen()
    }

    /** What follows a run that ended by itself. */
    const rest = (
      worker: Worker,
      { startedAt }: Run,
      exit: Exit.Exit<unknown, E>
    ): Effect.Effect<void, never, R> =>
      Effect.gen(function* () {
        if (momentOf(clock).mono - startedAt.mono >= settings.restartReset) {
          yield* failures.recovered(worker.id)
        }
        if (Exit.isSuccess(exit) && settings.onEnd === "stop") {
          become(worker, "Ended")
          return yield* Effect.logInfo('run ended; not restarting (onEnd is "stop")')
        }
        const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
        const failing = yield* failures.failed(worker.id, cause, nextStart)
        if (Exit.isFailure(exit)) worker.lastFailure = failing.last
        // The tenant may have been removed while the schedule decided.
        if (workers.get(worker.id) !== worker) return
        if (failing.exhausted) {
          become(worker, "Ended")
          return yield* Effect.logError("run ended; the restart schedule has ended", cause)
        }
        become(worker, "BackingOff")
        worker.backoff = yield* supervisor.fork(
          Effect.zipRight(
            longSleep(failing.delay),
            Effect.sync(() => restart(worker, waiting))
          )
        )
      }).pipe(
        Effect.catchAllCause((cause) => {
          become(worker, "Ended")
          return Effect.logError("restart schedule failed; not restarting", cause)
        })
      )

    const onEnd = (run: Run, exit: Exit.Exit<unknown, E>): Effect.Effect<void, never, R> =>
      Effect.suspend(() => {
        const worker = workers.get(run.tenant.id)
        wake.unsafeOpen()
        if (worker === undefined) return Effect.void
        if (supervisor.closing() || run.ending?.reason === "Removed") {
          workers.delete(worker.id)
          if (worker.returned) enqueue(worker.id)
          return Effect.void
        }
        if (run.ending === undefined) return rest(worker, run, exit)
        restart(worker, restarting)
        return Effect.void
      })

    const supervisor = yield* makeSupervisor({ ...settings, metrics, run: options.run, onEnd })
    const { running } = supervisor

    const cancelBackoff = ({ backoff }: Worker): Effect.Effect<void> =>
      backoff === undefined ? Effect.void : Fiber.interruptAsFork(backoff, FiberId.none)

    const removed = (worker: Worker, revision: number): Effect.Effect<void> => {
      failures.forget(worker.id)
      const run = running.get(worker.id)
      if (run !== undefined) {
        // A run of a later view belongs to a tenant that came back.
        if (run.revision >= revision) return Effect.void
        worker.returned = false
        return supervisor.end(run, "Removed")
      }
      workers.delete(worker.id)
      waiting.delete(worker)
      restarting.delete(worker)
      wake.unsafeOpen()
      return cancelBackoff(worker)
    }

    const connectionsChanged = (worker: Worker, revision: number): Effect.Effect<void> => {
      const run = running.get(worker.id)
      if (run !== undefined) {
        return run.ending !== undefined || run.revision >= revision
          ? Effect.void
          : supervisor.end(run, "ConnectionsChanged")
      }
      if (worker.state !== "BackingOff") return Effect.void
      const cancel = cancelBackoff(worker)
      restart(worker, waiting)
      return cancel
    }

    const handle = ({ _tag, tenant: { id } }: TenantChange, revision: number) =>
      Effect.suspend(() => {
        const worker = workers.get(id)
        if (_tag === "Added") {
          if (worker === undefined) enqueue(id)
          else worker.returned = running.get(id)?.ending?.reason === "Removed"
        }
        if (worker === undefined) return Effect.void
        if (_tag === "Removed") return removed(worker, revision)
        return _tag === "ConnectionsChanged" && settings.onConnectionsChanged === "restart"
          ? connectionsChanged(worker, revision)
          : Effect.void
      })

    const queued = () => waiting.size + restarting.size

    const startNext = Effect.map(discovery.view.get, (view) => {
      const worker =
        running.size < limit ? (takeFirst(restarting) ?? takeFirst(waiting)) : undefined
      if (worker === undefined) return
      become(worker, "Running")
      metrics.waiting(queued())
      if (supervisor.start(view, worker.id)) return
      workers.delete(worker.id)
      metrics.removed(1)
    })

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

    const dispatch = Effect.gen(function* () {
      yield* wake.await
      yield* wake.close
      for (let started = 1; queued() > 0 && running.size < limit; started++) {
        yield* permit
        yield* startNext
        if (started % SLICE === 0) yield* breathe
      }
      yield* reportWaiting
    })

    /** A restarted tenant has recovered when its run has lasted for `restartReset`. */
    const hasRecovered = (id: TenantId): boolean =>
      momentOf(clock).mono - (running.get(id)?.startedAt.mono ?? Infinity) >= settings.restartReset

    yield* register(
      name,
      Effect.sync(() => {
        const all = new Map<TenantId, TenantWorkStatus>()
        for (const [id, { lastFailure, restarts, since, state }] of workers) {
          const ending = running.get(id)?.ending
          all.set(id, {
            state: ending === undefined ? state : "Draining",
            since: ending?.since ?? since,
            restarts,
            lastFailure,
            longRunning: false
          })
        }
        return all
      })
    )
    const initial = yield* discovery.view.get
    for (const id of initial.ids) enqueue(id)
    // The scope closes in reverse: first the loops end, then the runs, last the reader of the view.
    yield* supervisor.follow(initial, handle)
    yield* Effect.addFinalizer(() => supervisor.stop)
    yield* supervisor.forkLoop(dispatch)
    yield* supervisor.forkLoop(failures.report(hasRecovered))
  }).pipe(Effect.annotateLogs("worker", name), Effect.annotateSpans("worker", name))
}

/**
 * What a worker reports about itself, and the registry that finds it by its name.
 */
import { Data, Effect, type Scope } from "effect"
import type { TenantId } from "../../Tenant.js"
import type { TenantDiscovery } from "../../TenantDiscovery.js"
import { makeRegistry } from "../registry.js"

/**
 * - `Running`: its work is under way.
 * - `Waiting`: for its turn, or for a place.
 * - `BackingOff`: failed or ended; it runs again later.
 * - `Draining`: it is to end; its finalizers have not finished yet, or its grace has not passed.
 * - `Ended`: its work ended and does not start again while the tenant stays active.
 */
export type TenantWorkState = "Running" | "Waiting" | "BackingOff" | "Draining" | "Ended"

/** The last failure or defect of a tenant's work. */
export interface TenantWorkFailure {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** The error's name and message, at most 500 characters, without what looks like a secret. The log has the whole cause. */
  readonly message: string
}

export interface TenantWorkStatus {
  readonly state: TenantWorkState
  /** When it entered this state: milliseconds since the epoch. */
  readonly since: number
  /**
   * `perTenant`: how often its work was restarted. `scheduled`: how many runs failed in a row.
   */
  readonly restarts: number
  readonly lastFailure: TenantWorkFailure | undefined
  /** `scheduled`: the run is under way for longer than `longRunAfter`. */
  readonly longRunning: boolean
  /**
   * The pool of `TenantLayers` in which its run waits for a place, since as many tenants as the pool
   * allows hold resources.
   */
  readonly waitsForPool: string | undefined
}

/** What is known of a tenant for which nothing has run yet. */
export const noStatus: Omit<TenantWorkStatus, "state" | "since"> = {
  restarts: 0,
  lastFailure: undefined,
  longRunning: false,
  waitsForPool: undefined
}

/** A snapshot; it does not change afterwards. */
export type TenantWorkerStatus = ReadonlyMap<TenantId, TenantWorkStatus>

/** No worker of that name runs for this service. */
export class TenantWorkerNotFound extends Data.TaggedError("TenantWorkerNotFound")<{
  readonly message: string
  readonly name: string
}> {}

/** What keeps the tenants of a worker from their work at the moment. */
export interface WorkerProblems {
  /** Tenants that wait for a place of the worker, or missed their turn in the last tick. */
  readonly waiting: number
  /** Tenants whose run waits for a place in a pool, or last failed since it got none in time. */
  readonly waitingForPool: number
  /** Runs that are under way for longer than `longRunAfter`. */
  readonly longRunning: number
}

export interface RegisteredWorker {
  readonly name: string
  readonly snapshot: Effect.Effect<TenantWorkerStatus>
  /** Cheap: it is asked every few seconds. */
  readonly problems: () => WorkerProblems
}

export const workers = makeRegistry<RegisteredWorker>("tenant-discovery/TenantWorkers")

/** Registers a worker until the scope closes; warns when its name is in use. */
export const register = (
  worker: RegisteredWorker
): Effect.Effect<void, never, TenantDiscovery | Scope.Scope> =>
  Effect.gen(function* () {
    const { name } = worker
    if ((yield* workers.entries).some((other) => other.name === name)) {
      yield* Effect.logWarning(
        `another worker is named "${name}"; both run, the status shows the newer one. Bind the layer to a constant, or use another name`
      )
    }
    yield* workers.register(worker)
  })

/**
 * The state of a worker's tenants: a snapshot. Tenants for which a scheduled worker has nothing to
 * do at present are not in it. Finds the worker by its name among those of this process that run
 * over a discovery of the same service; of two with one name, the newer.
 *
 * @example
 * const backingOff = Effect.map(TenantWorker.status("relay"), (tenants) =>
 *   [...tenants].filter(([, { state }]) => state === "BackingOff")
 * )
 */
export const status = (
  name: string
): Effect.Effect<TenantWorkerStatus, TenantWorkerNotFound, TenantDiscovery> =>
  Effect.gen(function* () {
    const running = yield* workers.entries
    const found = running.findLast((worker) => worker.name === name)
    if (found !== undefined) return yield* found.snapshot
    const names = running.map((worker) => `"${worker.name}"`).join(", ")
    return yield* new TenantWorkerNotFound({
      name,
      message: `no worker is named "${name}"; running now: ${names === "" ? "none" : names}`
    })
  })

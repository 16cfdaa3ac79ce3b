/**
 * What a worker reports about itself, and the registry that finds it by its name.
 */
import { Context, Data, Effect, type Scope } from "effect"
import type { TenantId } from "../../Tenant.js"
import { TenantDiscovery } from "../../TenantDiscovery.js"

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
  /** The error's name and message, at most 500 characters. The log has the whole cause. */
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

interface RegisteredWorker {
  readonly service: string
  readonly name: string
  readonly snapshot: Effect.Effect<TenantWorkerStatus>
}

/** The workers that run in this process. */
class TenantWorkers extends Context.Reference<TenantWorkers>()("tenant-discovery/TenantWorkers", {
  defaultValue: (): Array<RegisteredWorker> => []
}) {}

const serviceName = Effect.flatMap(TenantDiscovery, ({ status }) =>
  Effect.map(status.get, ({ service }) => service)
)

/** Registers a worker until the scope closes; warns when its name is in use. */
export const register = (
  name: string,
  snapshot: Effect.Effect<TenantWorkerStatus>
): Effect.Effect<void, never, TenantDiscovery | Scope.Scope> =>
  Effect.gen(function* () {
    const workers = yield* TenantWorkers
    const worker: RegisteredWorker = { service: yield* serviceName, name, snapshot }
    if (workers.some((other) => other.service === worker.service && other.name === name)) {
      yield* Effect.logWarning(
        `another worker is named "${name}"; both run, the status shows the newer one. Bind the layer to a constant, or use another name`
      )
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => workers.push(worker)),
      () => Effect.sync(() => workers.splice(workers.indexOf(worker), 1))
    )
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
    const service = yield* serviceName
    const workers = (yield* TenantWorkers).filter((worker) => worker.service === service)
    const found = workers.findLast((worker) => worker.name === name)
    if (found !== undefined) return yield* found.snapshot
    const names = workers.map((worker) => `"${worker.name}"`).join(", ")
    return yield* new TenantWorkerNotFound({
      name,
      message: `no worker is named "${name}"; running now: ${names === "" ? "none" : names}`
    })
  })

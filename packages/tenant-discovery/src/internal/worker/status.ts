/**
 * What a worker tells of itself, and where it is found by its name.
 */
import { type Cause, Data, Effect, type Scope } from "effect"
import type { TenantId } from "../../Tenant.js"
import type { TenantDiscoveryService } from "../../TenantDiscoveryService.js"

/**
 * - `Running`: its work is under way.
 * - `Waiting`: for its turn, or for room.
 * - `BackingOff`: failed; it is tried again later.
 * - `Draining`: told to end; its finalizers are not through yet.
 * - `Ended`: its work came to an end, and is not begun again while the tenant stays.
 */
export type TenantWorkState = "Running" | "Waiting" | "BackingOff" | "Draining" | "Ended"

/** The last failure or defect of a tenant's work. */
export interface TenantWorkFailure {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly cause: Cause.Cause<unknown>
}

export interface TenantWorkStatus {
  readonly state: TenantWorkState
  /** When it came into this state: milliseconds since the epoch. */
  readonly since: number
  /**
   * Of a worker a tenant: how often its work was begun again. Of a scheduled one:
   * how many runs have failed in a row.
   */
  readonly restarts: number
  readonly lastFailure: TenantWorkFailure | undefined
}

/** A snapshot; it does not change afterwards. */
export type TenantWorkerStatus = ReadonlyMap<TenantId, TenantWorkStatus>

/** No worker of that name runs over this discovery. */
export class TenantWorkerNotFound extends Data.TaggedError("TenantWorkerNotFound")<{
  readonly message: string
  readonly name: string
}> {}

/**
 * The workers that run over a discovery, by name. They belong to that discovery and
 * live as long: two programs in one process, or two specs, do not see each other's.
 */
const workers = new WeakMap<TenantDiscoveryService, Map<string, () => TenantWorkerStatus>>()

/** Makes a worker known until the scope closes; warns where its name is taken. */
export const register = (
  discovery: TenantDiscoveryService,
  name: string,
  snapshot: () => TenantWorkerStatus
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      const named = workers.get(discovery) ?? new Map<string, () => TenantWorkerStatus>()
      workers.set(discovery, named)
      const taken = named.has(name)
      named.set(name, snapshot)
      return taken
        ? Effect.logWarning(
            `two tenant workers are called "${name}", and both work: bind the layer to a constant, ` +
              "or name one differently"
          )
        : Effect.void
    }),
    () =>
      Effect.sync(() => {
        const named = workers.get(discovery)
        if (named?.get(name) === snapshot) named.delete(name)
      })
  )

export const find = (
  discovery: TenantDiscoveryService,
  name: string
): Effect.Effect<TenantWorkerStatus, TenantWorkerNotFound> =>
  Effect.suspend(() => {
    const named = workers.get(discovery)
    const snapshot = named?.get(name)
    if (snapshot !== undefined) return Effect.succeed(snapshot())
    const known = [...(named?.keys() ?? [])].map((known) => `"${known}"`).join(", ")
    return new TenantWorkerNotFound({
      name,
      message: `no tenant worker is called "${name}"; running now: ${known === "" ? "none" : known}`
    })
  })

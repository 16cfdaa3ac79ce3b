/** The options of the workers, and what is wrong with those that cannot be. */
import type { Cause, Config, Duration, Effect, Schedule } from "effect"

/** Of `TenantWorker.scheduled`. */
export interface ScheduledOptions<E, R, RS = never> {
  /** In logs, metrics and `TenantWorker.status`. One worker a name. */
  readonly name: string
  /**
   * When to tick: at each recurrence, so not at once unless the schedule says so.
   * A schedule that comes to its end ends the ticks, not the runs.
   */
  readonly schedule: Schedule.Schedule<unknown, void, RS>
  /** The work for one tenant. What it returns is of no interest. */
  readonly run: Effect.Effect<unknown, E, R>
  /** Runs at the same time, those of earlier ticks included. Default 8. */
  readonly concurrency?: number | undefined
  /**
   * Of a tenant's turn, retries included; then it is interrupted, and has failed.
   * Default: none, and then a run that never ends keeps its place.
   */
  readonly timeout?: Duration.DurationInput | undefined
  /** Of a tenant whose run failed, within its turn; a defect is not tried again. Default: none. */
  readonly retry?: Schedule.Schedule<unknown, E, R> | undefined
  /**
   * `skip`: a tick does not wait for the runs of the one before; a tenant whose last
   * run has not ended is left out, and counted. `wait`: the next tick comes after
   * all runs of this one have ended. Default `skip`.
   */
  readonly overlap?: "skip" | "wait" | undefined
  /** How long a run may go on when its tenant is removed. Default 0: it is interrupted at once. */
  readonly removalGrace?: Duration.DurationInput | undefined
  /**
   * How long a tenant that failed is left out, by its failures in a row; the others
   * are not concerned. A success starts it anew. Default: it has a turn at every tick.
   */
  readonly failureBackoff?: Schedule.Schedule<unknown, Cause.Cause<unknown>, R> | undefined
  /**
   * A tick over a view older than this is left out, with one warning until it is
   * fresh again. Default: any view will do.
   */
  readonly requireFresh?: Duration.DurationInput | undefined
  /** How long runs may go on when the layer closes, before they are interrupted. Default 10 seconds. */
  readonly drain?: Duration.DurationInput | undefined
}

/** Of `TenantWorker.perTenant`. */
export interface PerTenantOptions<E, R> {
  /** In logs, metrics and `TenantWorker.status`. One worker a name. */
  readonly name: string
  /** The work of one tenant, for as long as it is active. */
  readonly run: Effect.Effect<unknown, E, R>
  /**
   * The delays before a tenant's work that failed or died begins again. Default
   * exponential from 1 second to 1 minute, with jitter. A schedule that is through
   * leaves it ended.
   */
  readonly restart?: Schedule.Schedule<unknown, Cause.Cause<E>, R> | undefined
  /** A life of at least this long starts `restart` anew. Default 1 minute. */
  readonly restartReset?: Duration.DurationInput | undefined
  /** Whether work that came to an end begins again, after the delay of `restart`. Default false. */
  readonly restartOnEnd?: boolean | undefined
  /**
   * Tenants whose work may be under way at once; more wait in the order in which they
   * came. Default `MULTI_TENANT_MAX_TENANT_POOLS`, which is 100 unless set.
   */
  readonly maxTenants?: number | Config.Config<number> | undefined
  /** Tenants started a second, at uneven distances. Default 100; `Infinity`: no limit. */
  readonly startRate?: number | undefined
  /**
   * What to do when a tenant's connection settings change: nothing, or end its work,
   * finalizers included, and begin it again. Default `keep`.
   */
  readonly onConnectionsChanged?: "restart" | "keep" | undefined
  /** How long work may go on when the layer closes, before it is interrupted. Default 0. */
  readonly drain?: Duration.DurationInput | undefined
}

/** What the options are where they are not given. */
export const defaults = {
  concurrency: 8,
  overlap: "skip",
  removalGrace: "0 seconds",
  drainScheduled: "10 seconds",
  restartFrom: "1 second",
  restartTo: "1 minute",
  restartReset: "1 minute",
  startRate: 100,
  drainPerTenant: "0 seconds"
} as const

/** Throws where the program was written wrong: nothing that comes later could mend it. */
export const positive = (worker: string, option: string, value: number): void => {
  if (!(value > 0)) {
    throw new RangeError(`tenant worker "${worker}": ${option} must be more than 0, got ${value}`)
  }
}

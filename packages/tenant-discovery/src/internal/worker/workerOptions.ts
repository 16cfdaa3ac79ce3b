/**
 * The options of the workers and their defaults.
 */
import { type Cause, type Config, type Duration, type Effect, Schema, type Schedule } from "effect"
import { count, duration, name, withDefault } from "../options.js"

/** Options of `TenantWorker.scheduled`. */
export interface ScheduledOptions<E, R, RS = never> {
  /** Appears in logs, metrics and `TenantWorker.status`. Use one name per worker. Required. */
  readonly name: string
  /**
   * When to tick. The first tick comes after the first delay of the schedule. When the schedule
   * ends, the ticks end; runs under way continue. Required.
   *
   * A cron expression follows the local time of its zone: when the clocks go back, an expression
   * such as "every ten minutes" pauses for up to 70 minutes. Use UTC.
   */
  readonly schedule: Schedule.Schedule<unknown, void, RS>
  /** The work for one tenant. Its value is ignored. What it acquires is released when it ends. */
  readonly run: Effect.Effect<unknown, E, R>
  /**
   * How many runs may be under way at once, those of earlier ticks included. Protects databases
   * and memory from too many tenants at once. Default 8.
   */
  readonly concurrency?: number | undefined
  /**
   * The longest time for one tenant's turn, retries included; then the run is interrupted and
   * counts as failed. Protects the other tenants from a run that hangs and keeps its place:
   * recommended, at about ten times the usual duration. Default: none.
   */
  readonly timeout?: Duration.DurationInput | undefined
  /** Retries a failed run within its turn; a defect is not retried. Default: none. */
  readonly retry?: Schedule.Schedule<unknown, E, R> | undefined
  /**
   * `skip`: a tick does not wait for the runs of the tick before; a tenant that still runs misses
   * this turn, which is counted. `wait`: the next delay begins when all runs have ended, so that
   * one run that hangs stops all tenants: give `timeout` with it. Default `skip`.
   */
  readonly overlap?: "skip" | "wait" | undefined
  /**
   * How long a run may continue when its tenant is removed. Protects work that must not be cut in
   * the middle. The run continues if the tenant is active again at the end. Default 0: interrupt
   * at once.
   */
  readonly removalGrace?: Duration.DurationInput | undefined
  /**
   * The delays for which a tenant is skipped after failures in a row. Protects a tenant's broken
   * database from a run per tick. A success resets it. Default: the tenant runs at every tick.
   */
  readonly failureBackoff?: Schedule.Schedule<unknown, Cause.Cause<unknown>, R> | undefined
  /**
   * Skips ticks while the view is older than this. Protects from work for tenants that were
   * removed while the program could not notice. Default: any age is accepted.
   */
  readonly requireFresh?: Duration.DurationInput | undefined
  /**
   * The age from which a run is reported as long: one warning, a counter, `longRunning` in the
   * status. Reveals a run that hangs. Default: ten intervals of the schedule, at least 1 minute.
   */
  readonly longRunAfter?: Duration.DurationInput | undefined
  /** How long runs may continue when the layer closes, before they are interrupted. Default 10 s. */
  readonly drain?: Duration.DurationInput | undefined
  /**
   * How long to wait for an interrupted run to end. A run that takes longer is left behind with a
   * warning, so that neither the shutdown nor the tenant's next run waits for it. Default 5 s.
   */
  readonly closeTimeout?: Duration.DurationInput | undefined
}

/** Options of `TenantWorker.perTenant`. */
export interface PerTenantOptions<E, R> {
  /** Appears in logs, metrics and `TenantWorker.status`. Use one name per worker. Required. */
  readonly name: string
  /** One tenant's work, for as long as the tenant is active. What it acquires is released when it ends. */
  readonly run: Effect.Effect<unknown, E, R>
  /**
   * The delays before work that failed, died or ended is restarted. Protects a broken dependency
   * from a restart loop. When the schedule ends, the work stays ended. Default: exponential from
   * 1 second to 1 minute with full jitter.
   */
  readonly restart?: Schedule.Schedule<unknown, Cause.Cause<E>, R> | undefined
  /** Work that ran for at least this long resets `restart`. Default 1 minute. */
  readonly restartReset?: Duration.DurationInput | undefined
  /**
   * When the work ends without a failure: restart it after the delay of `restart`, or stop it for
   * as long as the tenant stays active. Protects from a consumer that its broker cancels and that
   * would stay stopped. Default `restart`.
   */
  readonly onEnd?: "restart" | "stop" | undefined
  /**
   * How many tenants may be worked for at once. The others wait in order of arrival and are
   * reported by one warning, a gauge and the status. A tenant in backoff does not count. Default 0:
   * no limit. Work that holds a resource of `TenantLayers` waits for a place in that pool all the
   * same: the pool logs it, and `waitsForPool` in the status names it.
   */
  readonly maxTenants?: number | Config.Config<number> | undefined
  /**
   * How many runs may start per second, restarts included. Up to a tenth of them start at once.
   * Protects databases from a whole fleet that starts together. `Infinity`: no limit. Default 1000.
   */
  readonly startRate?: number | undefined
  /**
   * When a tenant's connection settings change: keep the work, or interrupt and restart it at
   * once. With `keep`, work that holds a resource of `TenantLayers` is still interrupted and
   * restarted when the rotation's grace ends, so that it never uses a closed one. Default `keep`.
   */
  readonly onConnectionsChanged?: "restart" | "keep" | undefined
  /** How long work may continue when the layer closes, before it is interrupted. Default 0. */
  readonly drain?: Duration.DurationInput | undefined
  /**
   * How long to wait for interrupted work to end. Work that takes longer is left behind with a
   * warning, so that neither the shutdown nor the tenant's next life waits for it. Default 5 s.
   */
  readonly closeTimeout?: Duration.DurationInput | undefined
}

/** The defaults of both workers. Durations are in milliseconds. */
export const defaults = {
  concurrency: 8,
  overlap: "skip",
  removalGrace: 0,
  scheduledDrain: 10_000,
  longRunIntervals: 10,
  longRunAtLeast: 60_000,
  restartFrom: 1_000,
  restartTo: 60_000,
  restartReset: 60_000,
  onEnd: "restart",
  maxTenants: 0,
  startRate: 1_000,
  onConnectionsChanged: "keep",
  perTenantDrain: 0,
  closeTimeout: 5_000
} as const

export const scheduledSettings = Schema.Struct({
  name,
  concurrency: withDefault(count(1, { infinity: true }), defaults.concurrency),
  timeout: Schema.optional(duration()),
  overlap: withDefault(Schema.Literal("skip", "wait"), defaults.overlap),
  removalGrace: withDefault(duration({ zero: true }), defaults.removalGrace),
  requireFresh: Schema.optional(duration()),
  longRunAfter: Schema.optional(duration()),
  drain: withDefault(duration({ zero: true }), defaults.scheduledDrain),
  closeTimeout: withDefault(duration(), defaults.closeTimeout)
})

export const perTenantSettings = Schema.Struct({
  name,
  restartReset: withDefault(duration({ zero: true, infinity: true }), defaults.restartReset),
  onEnd: withDefault(Schema.Literal("restart", "stop"), defaults.onEnd),
  maxTenants: withDefault(count(0, { infinity: true }), defaults.maxTenants),
  startRate: withDefault(count(1, { infinity: true }), defaults.startRate),
  onConnectionsChanged: withDefault(
    Schema.Literal("restart", "keep"),
    defaults.onConnectionsChanged
  ),
  drain: withDefault(duration({ zero: true }), defaults.perTenantDrain),
  closeTimeout: withDefault(duration(), defaults.closeTimeout)
})

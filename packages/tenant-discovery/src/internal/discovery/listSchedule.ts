/**
 * When the next list is due: one at a time, never earlier than the backoff or the tenant
 * manager's `Retry-After` allow. An immutable value; times are monotonic milliseconds.
 */
import type { DiscoverySettings } from "./settings.js"

export interface ListSchedule {
  readonly wantedAt: number | undefined
  readonly backoffUntil: number
  /** No call at all before this: the tenant manager asked for it. */
  readonly notBefore: number
  readonly startedAt: number
  /** Failed lists in a row. */
  readonly failures: number
}

export const initialSchedule: ListSchedule = {
  wantedAt: undefined,
  backoffUntil: 0,
  notBefore: 0,
  startedAt: Number.NEGATIVE_INFINITY,
  failures: 0
}

/** Wants a list at `at` or earlier. */
export const want = (schedule: ListSchedule, at: number): ListSchedule =>
  schedule.wantedAt !== undefined && schedule.wantedAt <= at
    ? schedule
    : { ...schedule, wantedAt: at }

/** When to list. A list that a caller waits for (`urgent`) does not wait for the backoff. */
export const dueAt = (
  schedule: ListSchedule,
  settings: DiscoverySettings,
  options: { readonly now: number; readonly urgent: boolean }
): number | undefined => {
  if (options.urgent) return Math.max(options.now, schedule.notBefore)
  if (schedule.wantedAt === undefined) return undefined
  return Math.max(
    schedule.wantedAt,
    // A subscription that is lost again and again causes few lists.
    schedule.startedAt + settings.relistDebounce,
    schedule.backoffUntil,
    schedule.notBefore
  )
}

export const started = (schedule: ListSchedule, now: number): ListSchedule => ({
  ...schedule,
  wantedAt: undefined,
  startedAt: now
})

export const succeeded = (schedule: ListSchedule): ListSchedule => ({
  ...schedule,
  failures: 0,
  backoffUntil: 0,
  notBefore: 0
})

/**
 * Backs off with full jitter over a bound that doubles. `retryAfter`: for how long the tenant
 * manager wants no call. `circuitOpenFor`: for how long the circuit breaker refuses calls without
 * sending them. A caller of `refresh` may try in this time, and gets the refusal.
 */
export const failed = (
  schedule: ListSchedule,
  settings: DiscoverySettings,
  options: {
    readonly now: number
    readonly random: number
    readonly retryAfter: number
    readonly circuitOpenFor: number
  }
): ListSchedule => {
  const { now, random } = options
  const bound = Math.min(settings.relistBackoffCap, settings.relistBackoff * 2 ** schedule.failures)
  // A retry at the time of the probe would take the probe from other callers each time.
  const refused = options.circuitOpenFor > 0 ? options.circuitOpenFor + bound * random : 0
  return want(
    {
      ...schedule,
      failures: schedule.failures + 1,
      backoffUntil: now + Math.max(bound * random, refused),
      notBefore: now + options.retryAfter
    },
    now
  )
}

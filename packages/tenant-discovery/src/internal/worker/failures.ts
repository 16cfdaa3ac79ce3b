/**
 * The tenants whose last run failed: their backoff, and what the log says of them.
 *
 * A tenant is logged when it starts to fail and when it recovers. What it does in between is
 * counted, and logged as one summary per minute: a shared database that is down must not write a
 * line per tenant and tick.
 */
import { Cause, Chunk, Effect, Predicate, type Schedule } from "effect"
import type { TenantId } from "../../Tenant.js"
import { failureText } from "../failureText.js"
import { currentMoment } from "../moment.js"
import { makeDelays } from "./delays.js"
import { quietly } from "./transitions.js"
import type { TenantWorkFailure } from "./workerStatus.js"

/** A tenant that fails. */
export interface Failing<E, R> {
  /** Failures in a row. */
  readonly count: number
  readonly last: TenantWorkFailure
  /** The last run waited in vain for a place in a pool. */
  readonly lacksPlace: boolean
  /** The last delay of the schedule, in milliseconds; 0 without a schedule. */
  readonly delay: number
  /** The schedule has no more delays. */
  readonly exhausted: boolean
  /** Monotonic milliseconds. */
  readonly retryAt: number
  readonly next: ReturnType<typeof makeDelays<Cause.Cause<E>, R>> | undefined
}

const REPORT_INTERVAL = "1 minute"
const messageOf = (cause: Cause.Cause<unknown>): string =>
  Cause.isEmpty(cause) ? "the work ended" : failureText(cause)

const lacksPlace = (cause: Cause.Cause<unknown>): boolean =>
  Chunk.some(Cause.failures(cause), Predicate.isTagged("TenantPoolsExhausted"))

export const makeFailures = <E, R>(
  schedule: Schedule.Schedule<unknown, Cause.Cause<E>, R> | undefined
) => {
  const failing = new Map<TenantId, Failing<E, R>>()
  /** Open: some tenants fail. Without them no timer runs. */
  const some = Effect.unsafeMakeLatch(false)
  let repeats = 0
  let repeating = new Set<TenantId>()
  let example = ""

  /** The tenant succeeded, or ran for long enough. */
  const recovered = (id: TenantId): Effect.Effect<void> =>
    Effect.suspend(() => {
      const { count } = failing.get(id) ?? {}
      if (count === undefined) return Effect.void
      failing.delete(id)
      const log = Effect.logInfo(`run recovered; failures in a row: ${count}`)
      return quietly(Effect.annotateLogs(log, "tenant_id", id))
    })

  return {
    recovered,
    get: (id: TenantId) => failing.get(id),
    entries: () => failing.entries(),
    /** Forgets a tenant that was removed. */
    forget: (id: TenantId) => failing.delete(id),

    /** Counts a failure (an empty cause: the work ended) and logs it; `what` says what follows. */
    failed: (id: TenantId, cause: Cause.Cause<E>, what: (failing: Failing<E, R>) => string) =>
      Effect.gen(function* () {
        const { mono, wall } = yield* currentMoment
        const before = failing.get(id)
        const next = before?.next ?? (schedule && makeDelays(schedule))
        const given = next === undefined ? 0 : yield* Effect.scoped(next(cause))
        const delay = given ?? before?.delay ?? 0
        const now: Failing<E, R> = {
          count: (before?.count ?? 0) + 1,
          last: { at: wall, message: messageOf(cause) },
          lacksPlace: lacksPlace(cause),
          delay,
          exhausted: given === undefined,
          retryAt: mono + delay,
          next
        }
        failing.set(id, now)
        some.unsafeOpen()
        const event = Cause.isEmpty(cause) ? "run ended" : "run failed"
        if (before === undefined) {
          yield* quietly(Effect.logWarning(`${event}; ${what(now)}`, cause))
          return now
        }
        repeats += 1
        repeating.add(id)
        example = `${id}: ${now.last.message}`
        yield* quietly(Effect.logDebug(`${event} again; ${what(now)}`, cause))
        return now
      }),

    /** Once a minute while tenants fail: finds those that have recovered, writes the summary. */
    report: (hasRecovered: (id: TenantId) => boolean) =>
      Effect.gen(function* () {
        yield* some.await
        yield* Effect.sleep(REPORT_INTERVAL)
        yield* Effect.forEach([...failing.keys()].filter(hasRecovered), recovered)
        if (failing.size === 0) yield* some.close
        if (repeats === 0) return
        const summary = `runs keep failing (failures in the last minute: ${repeats}, tenants: ${repeating.size}); for example ${example}`
        repeats = 0
        repeating = new Set()
        yield* quietly(Effect.logWarning(summary))
      })
  }
}

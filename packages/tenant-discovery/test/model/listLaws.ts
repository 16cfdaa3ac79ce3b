/** The laws of lists: when they begin, and what they may do to the view. */
import { Duration } from "effect"
import {
  defaultDiscoveryOptions,
  type TenantChange,
  type TenantId,
  TenantView
} from "../../src/index.js"
import { RETRY_AFTER } from "./ListServer.js"
import type { ListCall } from "./Model.js"
import { driftCount, type Simulation } from "./Simulation.js"
import { require, sorted } from "./violation.js"

const DEBOUNCE = Duration.toMillis(defaultDiscoveryOptions.relistDebounce)

/**
 * So many failed lists in a row take so long because of the backoff. Its full jitter makes them
 * faster with a probability below one in a hundred million.
 */
const STREAK = { length: 12, millis: 5000 }

/** Timers are set in whole milliseconds. */
const ROUNDING = 1

const isOwnAccord = ({ starting, urgent }: ListCall): boolean => !starting && !urgent

const checkDistance = (call: ListCall, last: ListCall): void => {
  const since = call.startedAt - last.startedAt
  require("OneList", !isOwnAccord(call) || since >= DEBOUNCE - ROUNDING, () => {
    return `a list that no caller waits for began ${since} ms after the last one`
  })
  const { at, failure } = last.end ?? { at: 0, failure: undefined }
  // A caller that waits may learn that the circuit is open.
  const isRefused = failure === "Throttled" || (failure === "CircuitOpen" && !call.urgent)
  require("OneList", !isRefused || call.startedAt >= at + RETRY_AFTER - ROUNDING, () => {
    return `a list began ${call.startedAt - at} ms after ${failure}`
  })
}

const checkBackoff = (calls: ReadonlyArray<ListCall>): void => {
  let streak: Array<ListCall> = []
  for (const call of calls) {
    streak = isOwnAccord(call) ? [...streak, call] : []
    const first = streak.at(-STREAK.length)
    if (first !== undefined) {
      const took = call.startedAt - first.startedAt
      require("OneList", took >= STREAK.millis, () => {
        return `${STREAK.length} failed lists in a row took only ${took} ms`
      })
    }
    if (call.end === undefined || call.end.answer !== undefined) streak = []
  }
}

/** OneList: one at a time, and none earlier than debounce, backoff and `Retry-After` allow. */
export const checkOneList = ({ lists: { calls, mostInFlight } }: Simulation): void => {
  require("OneList", mostInFlight <= 1, () => `${mostInFlight} lists at once`)
  for (const [i, call] of calls.entries()) {
    const last = calls[i - 1]
    if (last !== undefined) checkDistance(call, last)
  }
  checkBackoff(calls)
}

/** How many complete lists in a row lack the tenant, since the last event that named it. */
const lackedInARow = ({ lists, model }: Simulation, until: ListCall, id: TenantId): number => {
  let count = 0
  for (const call of lists.answered.slice(0, lists.answered.indexOf(until) + 1).toReversed()) {
    const answer = call.end?.answer
    if (answer === undefined || answer.tenants.has(id)) break
    if (model.of(id).arrivedSeq > call.startedSeq) break
    if (!answer.incomplete) count++
  }
  return count
}

const isMass = (removed: number, size: number): boolean =>
  removed > 0 && (removed === size || (removed > size / 2 && removed > 5))

/**
 * Guarded: an incomplete list removes none; a tenant is removed when enough lists in a row
 * lack it; no list alone removes all, or more than half and more than five.
 */
const checkRemovals = (
  simulation: Simulation,
  call: ListCall,
  before: TenantView,
  removed: ReadonlyArray<TenantId>
): void => {
  require("Guarded", removed.length === 0 || call.end?.answer?.incomplete === false, () => {
    return `an incomplete list removed ${sorted(removed)}`
  })
  const counts = removed.map((id) => lackedInARow(simulation, call, id))
  const { removalConfirmations } = simulation.start
  require("Guarded", counts.every((count) => count >= removalConfirmations), () => {
    return `removed ${sorted(removed)}; the lists in a row that lack them: ${counts.join(" ")}`
  })
  const size = before.ids.filter(
    (id) => simulation.model.of(id).arrivedSeq < call.startedSeq
  ).length
  const confirmed = counts.filter((count) => count > 1).length
  const isConfirmed =
    !isMass(removed.length, size) || !isMass(removed.length - confirmed, size - confirmed)
  require("Guarded", isConfirmed, () => {
    return `a list removed ${sorted(removed)} of ${size} tenants without confirmation`
  })
}

/** What a list found while `Live` and no event announced before its answer. */
const driftOf = (
  { lists, model }: Simulation,
  call: ListCall,
  transitions: ReadonlyArray<TenantId>
): number => {
  const previous = lists.answered[lists.answered.indexOf(call) - 1]
  const since = previous?.startedSeq ?? 0
  return call.wasLive ? transitions.filter((id) => model.of(id).activatedSeq < since).length : 0
}

/** Guarded and Drift: what the lists did to the view since the last check. */
export const checkListEffects = (simulation: Simulation, view: TenantView): void => {
  const { unchecked } = simulation.lists
  if (unchecked.length === 0) return
  simulation.lists.unchecked = []
  for (const [i, { before, call }] of unchecked.entries()) {
    if (before === undefined) continue
    const changes = TenantView.diff(before, unchecked[i + 1]?.before ?? view)
    const idsOf = (keep: (change: TenantChange) => boolean) =>
      changes.filter(keep).map(({ tenant }) => tenant.id)
    const removed = idsOf((one) => one._tag === "Removed" && one.cause._tag === "Listing")
    checkRemovals(simulation, call, before, removed)
    const transitions = idsOf(({ _tag }) => _tag === "Added" || _tag === "Removed")
    simulation.expectedDrift += driftOf(simulation, call, transitions)
  }
  const counted = driftCount()
  require("Drift", counted === simulation.expectedDrift, () => {
    return `counted ${counted - simulation.expectedDrift} too many`
  })
}

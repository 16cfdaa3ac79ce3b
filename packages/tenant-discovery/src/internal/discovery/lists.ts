/** When a list starts, and what its answer does to the state. */
import { Duration, HashSet } from "effect"
import type { DiscoveryError } from "../../DiscoveryStatus.js"
import type { TenantListing } from "../../TenantListing.js"
import {
  retryAfter,
  type TenantManagerError,
  TenantManagerMalformedBody
} from "../../TenantManagerError.js"
import { TenantView } from "../../TenantView.js"
import type { Moment } from "../moment.js"
import { applyList } from "../view/edit.js"
import { type ListProblem, problemOf } from "./listProblem.js"
import * as Schedule from "./listSchedule.js"
import { judge, type MissingCounts } from "./massRemovalGuard.js"
import type { DiscoverySettings } from "./settings.js"
import type { Command, ListInFlight, Now, ReducerState } from "./state.js"

/** What a step of the reducer works with. */
export interface Step {
  readonly settings: DiscoverySettings
  readonly now: Now
  readonly commands: Array<Command>
}

export const log = (
  commands: Array<Command>,
  level: "Info" | "Warning",
  message: string,
  fields: Readonly<Record<string, unknown>> = {}
): void => {
  commands.push({ _tag: "Log", level, message, fields })
}

export const wantList = (state: ReducerState, at: number): ReducerState => ({
  ...state,
  schedule: Schedule.want(state.schedule, at)
})

export const withError = (state: ReducerState, lastError: DiscoveryError): ReducerState => ({
  ...state,
  status: { ...state.status, lastError }
})

export const jittered = ({ now, settings }: Step, interval: number): number =>
  interval * (1 + settings.reconcileJitter * (2 * now.random - 1))

/** The view was right at `mono`, as a list or a heartbeat proves. */
export const knownAsOf = (state: ReducerState, mono: number, now: Moment): ReducerState =>
  mono <= state.asOf
    ? state
    : { ...state, asOf: mono, view: state.view.with({ asOf: now.wall - (now.mono - mono) }) }

/** A list is requested now: what arrives from here on is newer than it. */
export const startList = (state: ReducerState, now: Moment): ReducerState => ({
  ...state,
  schedule: Schedule.started(state.schedule, now.mono),
  timerAt: undefined,
  list: {
    startedAt: now.mono,
    subscription: state.subscribed ? state.subscription : undefined,
    wasLive: state.status.mode === "Live",
    named: HashSet.empty(),
    activated: state.activated,
    waiters: [...state.waitersForConfirmation, ...state.waiters]
  },
  waiters: [],
  waitersForConfirmation: [],
  activated: HashSet.empty()
})

export const onListed = (
  step: Step,
  state: ReducerState,
  listing: TenantListing,
  list: ListInFlight
): ReducerState => {
  const { commands, now, settings } = step
  if (state.schedule.failures > 0) log(commands, "Info", "the tenant manager lists tenants again")
  const problem = problemOf(listing)
  /** The tenants that the list lacks and that stay in the view. */
  let missing: MissingCounts = new Map()
  const view = applyList(state.view, listing.tenants, {
    named: (id) => HashSet.has(list.named, id),
    select: (lacked, size) => {
      if (!listing.complete) {
        missing = new Map(lacked.map((id) => [id, state.missing.get(id) ?? 0]))
        return new Set()
      }
      const verdict = judge(lacked, size, state.missing, settings)
      missing = verdict.keep
      return verdict.remove
    }
  })
  countDrift(step, state, view, list)
  const listed: ReducerState = {
    ...noteProblem(step, state, problem, listing.complete),
    view,
    missing,
    list: undefined,
    lastListDuration: now.mono - list.startedAt,
    schedule: Schedule.succeeded(state.schedule)
  }
  if (missing.size === 0) return reconcile(step, listed, list)
  if (!listing.complete) {
    const error = new TenantManagerMalformedBody({
      operation: "list active tenants",
      message: problem?.message ?? "the list is incomplete",
      excerpt: undefined
    })
    commands.push({ _tag: "Settle", waiters: list.waiters, error })
    return wantNext(step, listed)
  }
  if (state.missing.size === 0) {
    log(
      commands,
      "Warning",
      `the list would remove ${missing.size} of ${state.view.size} tenants; waiting for another list to confirm`,
      { missing: missing.size, tenants: state.view.size }
    )
  }
  return wantList(
    { ...listed, waitersForConfirmation: list.waiters },
    now.mono + settings.confirmAfter
  )
}

/** The list is applied in full: the view was right when the list began. */
const reconcile = (step: Step, state: ReducerState, list: ListInFlight): ReducerState => {
  const { commands, now } = step
  commands.push({ _tag: "Settle", waiters: list.waiters, error: undefined })
  const sameSubscription = state.subscribed && list.subscription === state.subscription
  const next: ReducerState = {
    ...knownAsOf(state, list.startedAt, now),
    reconciled: state.reconciled || sameSubscription
  }
  return wantNext(step, { ...next, status: { ...next.status, lastListedAt: now.wall } })
}

/** Logs when a problem begins and when it ends, not for each list. */
const noteProblem = (
  { commands, now }: Step,
  state: ReducerState,
  problem: ListProblem | undefined,
  isComplete: boolean
): ReducerState => {
  if (problem === undefined) {
    if (state.listProblem !== undefined) log(commands, "Info", "lists are complete again")
    return { ...state, listProblem: undefined }
  }
  if (state.listProblem !== problem.kind) log(commands, "Warning", problem.message, problem.fields)
  const next = { ...state, listProblem: problem.kind }
  return isComplete
    ? next
    : withError(next, { _tag: "ListIncomplete", at: now.wall, message: problem.message })
}

const countDrift = (
  { commands }: Step,
  state: ReducerState,
  view: TenantView,
  list: ListInFlight
): void => {
  if (!list.wasLive || view === state.view) return
  const count = TenantView.diff(state.view, view).filter(
    ({ _tag, tenant }) =>
      // No event carries a name: an update that a list finds is not drift.
      (_tag === "Added" || _tag === "Removed") &&
      !HashSet.has(list.activated, tenant.id) &&
      !HashSet.has(state.activated, tenant.id)
  ).length
  if (count === 0) return
  commands.push({ _tag: "CountDrift", count })
  log(commands, "Info", `reconciliation found ${count} changes that no event reported`, {
    drift: count
  })
}

const wantNext = (step: Step, state: ReducerState): ReducerState => {
  const { bootstrapOnlyInterval, reconcileInterval } = step.settings
  const interval = state.subscribed ? reconcileInterval : bootstrapOnlyInterval
  return interval > 0 ? wantList(state, step.now.mono + jittered(step, interval)) : state
}

export const onListFailed = (
  { commands, now, settings }: Step,
  state: ReducerState,
  error: TenantManagerError,
  list: ListInFlight
): ReducerState => {
  const wait = Duration.toMillis(retryAfter(error) ?? Duration.zero)
  const isOpen = error._tag === "TenantManagerCircuitOpen"
  commands.push({ _tag: "Settle", waiters: list.waiters, error })
  if (state.schedule.failures === 0) {
    log(commands, "Warning", `list failed: ${error.message}; retrying`, { error: error._tag })
  }
  return withError(
    {
      ...state,
      list: undefined,
      activated: HashSet.union(state.activated, list.activated),
      schedule: Schedule.failed(state.schedule, settings, {
        now: now.mono,
        random: now.random,
        retryAfter: isOpen ? 0 : wait,
        circuitOpenFor: isOpen ? wait : 0
      })
    },
    { _tag: "ListFailed", at: now.wall, error }
  )
}

/** Starts the list that is due, or arms the timer for it. */
export const scheduleList = (
  { commands, now, settings }: Step,
  state: ReducerState
): ReducerState => {
  const at =
    state.list === undefined
      ? Schedule.dueAt(state.schedule, settings, {
          now: now.mono,
          urgent: state.waiters.length > 0
        })
      : undefined
  if (at !== undefined && at <= now.mono) {
    commands.push({ _tag: "StartList" })
    return startList(state, now)
  }
  if (at === state.timerAt) return state
  commands.push({ _tag: "ArmTimer", at })
  return { ...state, timerAt: at }
}

/**
 * Decides: from a state and inputs to the next state and the commands for the listener. Pure:
 * it reads no clock and performs no I/O.
 */
import { HashSet } from "effect"
import type { TenantId } from "../../Tenant.js"
import type { LostCause } from "../../TenantEvents.js"
import type { DiscoveryMode } from "../../TenantView.js"
import type { AppliedEvent } from "../event/eventReader.js"
import type { Moment } from "../moment.js"
import { applyDirectives } from "../view/edit.js"
import {
  jittered,
  knownAsOf,
  log,
  onListed,
  onListFailed,
  scheduleList,
  type Step,
  wantList,
  withError
} from "./lists.js"
import type { Command, Input, Reducer, ReducerState } from "./state.js"

/** However often `tenant.activated` arrives, lists are under way at most a quarter of the time. */
const LIST_SHARE = 4

/** Applies the inputs in their order, then starts the list that is due or arms the timer. */
export const reduce: Reducer = (settings, state, inputs, now) => {
  const commands: Array<Command> = []
  let next = state
  for (const input of inputs) next = apply({ settings, now, commands }, next, input)
  next = settle(next, now, commands)
  // Most events leave the schedule as it is.
  const isScheduled =
    next.schedule === state.schedule &&
    next.list === state.list &&
    next.waiters === state.waiters &&
    next.timerAt === state.timerAt &&
    (next.timerAt ?? Infinity) > now.mono
  return { state: isScheduled ? next : scheduleList({ settings, now, commands }, next), commands }
}

/** The last state, after which no event is applied. */
export const closeState = (state: ReducerState, now: Moment): ReducerState => ({
  ...settle({ ...state, subscribed: false }, now, []),
  closed: true
})

const modeOf = ({ reconciled, subscribed }: ReducerState): DiscoveryMode =>
  subscribed ? (reconciled ? "Live" : "Resyncing") : "BootstrapOnly"

const apply = (step: Step, state: ReducerState, input: Input): ReducerState => {
  const { now, settings } = step
  switch (input._tag) {
    case "Events":
      return onEvents(step, state, input.events)
    case "Subscribed":
      return onSubscribed(step, state)
    case "Alive":
      // A list that awaits confirmation may be right: a heartbeat does not prove the view.
      return modeOf(state) === "Live" && state.missing.size === 0
        ? knownAsOf(state, Number(input.sentAt) / 1e6, now)
        : state
    case "Lost":
      return onLost(step, state, input.cause)
    case "Listed":
      return state.list === undefined ? state : onListed(step, state, input.listing, state.list)
    case "ListFailed":
      return state.list === undefined ? state : onListFailed(step, state, input.error, state.list)
    case "Refresh":
      return { ...state, waiters: [...state.waiters, input.waiter] }
    case "Started":
      return onStarted(step, state)
    case "Distrust":
      return wantList(state, now.mono + settings.relistBackoff)
    case "TimerFired":
      return { ...state, timerAt: undefined }
  }
}

const onEvents = (
  { now, settings }: Step,
  state: ReducerState,
  events: ReadonlyArray<AppliedEvent>
): ReducerState => {
  const activated: Array<TenantId> = []
  const named: Array<TenantId> = []
  for (const { directive } of events) {
    if (directive._tag === "Relist") activated.push(directive.tenantId)
    else if (directive._tag === "Add" || directive._tag === "Remove") named.push(directive.tenantId)
  }
  const view = applyDirectives(
    state.view,
    events.map(({ directive }) => directive)
  )
  const { list } = state
  const next: ReducerState = {
    ...state,
    view,
    missing: without(state.missing, named),
    status: { ...state.status, lastEventAt: now.wall },
    list:
      list === undefined || named.length === 0
        ? list
        : { ...list, named: addAll(list.named, named) }
  }
  if (activated.length === 0) return next
  const wait = Math.max(settings.relistDebounce, state.lastListDuration * LIST_SHARE)
  // Bounded while lists fail; past the bound a finding counts as drift.
  const room = settings.duplicateWindow - HashSet.size(state.activated)
  return wantList(
    { ...next, activated: addAll(state.activated, activated.slice(0, Math.max(0, room))) },
    now.mono + wait
  )
}

/** An event is newer than the lists that lacked its tenant: they no longer count. */
const without = <A, B>(map: ReadonlyMap<A, B>, keys: ReadonlyArray<A>): ReadonlyMap<A, B> => {
  if (map.size === 0) return map
  const left = new Map(map)
  for (const key of keys) left.delete(key)
  return left
}

const addAll = <A>(set: HashSet.HashSet<A>, values: Iterable<A>): HashSet.HashSet<A> =>
  HashSet.mutate(set, (draft) => {
    for (const value of values) HashSet.add(draft, value)
  })

const onSubscribed = ({ now, settings }: Step, state: ReducerState): ReducerState => {
  // Replicas that lost Redis at the same time list at different times. The first list of a
  // program does not wait for this.
  const wait = settings.resubscribeJitter * now.random
  const next = { ...state, subscribed: true, subscription: state.subscription + 1 }
  return wantList({ ...next, reconciled: false }, now.mono + wait)
}

const onLost = (step: Step, state: ReducerState, cause: LostCause): ReducerState => {
  const { commands, now, settings } = step
  const failed = withError(state, { _tag: "SubscriptionLost", at: now.wall, cause })
  if (!state.subscribed) return failed
  const wait = jittered(step, settings.bootstrapOnlyInterval)
  log(commands, "Warning", `subscription lost: ${cause.message}; relisting and retrying`, {
    cause: cause._tag
  })
  return wantList({ ...failed, subscribed: false, reconciled: false }, now.mono + wait)
}

const onStarted = ({ commands }: Step, state: ReducerState): ReducerState => {
  const { lastError } = state.status
  log(commands, "Info", "tenants listed", { tenants: state.view.size, mode: modeOf(state) })
  if (!state.subscribed) {
    const reason =
      lastError?._tag === "SubscriptionLost"
        ? lastError.cause.message
        : "the subscription was not acknowledged in time"
    log(
      commands,
      "Warning",
      `running without events (BootstrapOnly): ${reason}; relisting and retrying the subscription`
    )
  }
  return state
}

/** Updates the mode of the view, and the status, to match the rest of the state. */
const settle = (state: ReducerState, now: Moment, commands: Array<Command>): ReducerState => {
  const mode = modeOf(state)
  const view = state.view.with({ mode })
  const { status } = state
  const tenantCount = view.size
  const awaitingRemoval = state.missing.size
  if (
    mode === status.mode &&
    tenantCount === status.tenantCount &&
    awaitingRemoval === status.awaitingRemoval
  ) {
    return view === state.view ? state : { ...state, view }
  }
  if (mode !== status.mode && mode === "Live") {
    log(commands, "Info", "following tenant events", { tenants: tenantCount })
  }
  const since = mode === status.mode ? status.since : now.wall
  return { ...state, view, status: { ...status, mode, since, tenantCount, awaitingRemoval } }
}

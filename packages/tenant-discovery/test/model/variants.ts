/** Ways to replace a part of the discovery by a faulty one. */
import { Effect, type Exit, Scope, Stream } from "effect"
import {
  type SignalSink,
  type TenantChange,
  TenantListing,
  type TenantManagerError
} from "../../src/index.js"
import { reduce } from "../../src/internal/discovery/reducer.js"
import type { DiscoverySettings } from "../../src/internal/discovery/settings.js"
import type {
  Command,
  Input,
  ListInFlight,
  Now,
  Reducer,
  ReducerState
} from "../../src/internal/discovery/state.js"
import type { Edges, Variant } from "./Simulation.js"

type Tag = Input["_tag"]

/** Changes the call of the reducer where such an input is among the inputs. */
const wrap = (tag: Tag, call: (...given: Parameters<Reducer>) => ReturnType<Reducer>): Variant => ({
  reducer: (settings, state, inputs, now) =>
    (inputs.some(({ _tag }) => _tag === tag) ? call : reduce)(settings, state, inputs, now)
})

/** Changes the state before such an input. */
export const before = (
  tag: Tag,
  change: (state: ReducerState, now: Now) => Partial<ReducerState>
): Variant =>
  wrap(tag, (settings, state, inputs, now) =>
    reduce(settings, { ...state, ...change(state, now) }, inputs, now)
  )

/** Changes the list in flight before its answer, or before such an input. */
export const listInFlight = (
  change: (state: ReducerState, now: Now) => Partial<ListInFlight>,
  tag: Tag = "Listed"
): Variant =>
  before(tag, (state, now) => ({ list: state.list && { ...state.list, ...change(state, now) } }))

/** Changes settings for such an input. */
export const withSettings = (tag: Tag, changed: Partial<DiscoverySettings>): Variant =>
  wrap(tag, (settings, ...rest) => reduce({ ...settings, ...changed }, ...rest))

export const replaceInputs = (replace: (input: Input) => ReadonlyArray<Input>): Variant => ({
  reducer: (settings, state, inputs, now) => reduce(settings, state, inputs.flatMap(replace), now)
})

/** Changes the state after such an input; may add commands. */
export const after = (
  tag: Tag,
  change: (
    reduced: { readonly state: ReducerState; readonly commands: Array<Command> },
    given: ReducerState
  ) => Partial<ReducerState> | undefined
): Variant =>
  wrap(tag, (settings, given, inputs, now) => {
    const { commands, state } = reduce(settings, given, inputs, now)
    const reduced = { state, commands: [...commands] }
    return { state: { ...state, ...change(reduced, given) }, commands: reduced.commands }
  })

export const incompleteAsComplete = replaceInputs((input) =>
  input._tag === "Listed"
    ? [{ ...input, listing: TenantListing.of(input.listing.tenants) }]
    : [input]
)

/** Every present tenant counts as missing in enough lists. */
export const allMissing = ({ view }: ReducerState) => ({
  missing: new Map(view.ids.map((id) => [id, 9] as const))
})

/** The list that closes a gap counts as applied. */
export const assumeReconciled = wrap("Subscribed", (settings, state, inputs, now) => {
  const subscription = state.subscription + 1
  return state.status.lastListedAt === undefined
    ? reduce(settings, state, inputs, now)
    : reduce(settings, { ...state, subscribed: true, subscription, reconciled: true }, [], now)
})

export const heartbeatProvesInDoubt = wrap("Alive", (settings, given, inputs, now) => {
  const { commands, state } = reduce(settings, { ...given, missing: new Map() }, inputs, now)
  const status = { ...state.status, awaitingRemoval: given.missing.size }
  return { commands, state: { ...state, missing: given.missing, status } }
})

export const changes = (
  change: (stream: Stream.Stream<TenantChange>) => Stream.Stream<TenantChange>
): Variant => ({ service: (service) => ({ ...service, changes: change(service.changes) }) })

const twiceIfAdded = (change: TenantChange): ReadonlyArray<TenantChange> =>
  change._tag === "Added" ? [change, change] : [change]

export const addedTwice = changes(Stream.mapConcat(twiceIfAdded))

const events = (change: (events: Edges["events"]) => Edges["events"]): Variant => ({
  edges: ({ events, manager }) => ({ events: change(events), manager })
})

export const twoListsAtOnce: Variant = {
  edges: ({ events, manager }) => {
    const list = manager.listActiveTenants
    const listActiveTenants = Effect.zipLeft(list, list, { concurrent: true })
    return { events, manager: { ...manager, listActiveTenants } }
  }
}

/** Changes each message before the discovery receives it. */
const receiving = (
  { subscribe }: Edges["events"],
  receive: (sink: SignalSink, raw: string) => void
): Edges["events"] => ({
  subscribe: (sink) => subscribe({ ...sink, message: (raw) => receive(sink, raw) })
})

export const withoutEventIds = events((events) =>
  receiving(events, (sink, raw) => sink.message(raw.replace(/"event_id":"[^"]*",/, "")))
)

/** The first list is requested and answered before the subscription. */
export const listBeforeSubscribing: Variant = {
  edges: ({ events, manager }) => {
    const early: Array<Exit.Exit<TenantListing, TenantManagerError>> = []
    const list = manager.listActiveTenants
    const listEarly = Effect.map(Effect.exit(list), (exit) => early.push(exit))
    return {
      events: { subscribe: (sink) => Effect.zipRight(listEarly, events.subscribe(sink)) },
      manager: { ...manager, listActiveTenants: Effect.suspend(() => early.shift() ?? list) }
    }
  }
}

/** Messages that arrive before the first list is answered are delivered after it. */
export const delayMessagesOfTheStart: Variant = {
  edges: ({ events, manager }) => {
    let waiting: Array<() => void> | undefined = []
    const listActiveTenants = Effect.tap(manager.listActiveTenants, () => {
      for (const deliver of waiting ?? []) deliver()
      waiting = undefined
    })
    const delayed = receiving(events, (sink, raw) => {
      if (waiting === undefined) sink.message(raw)
      else waiting.push(() => sink.message(raw))
    })
    return { events: delayed, manager: { ...manager, listActiveTenants } }
  }
}

export const keepSubscription = events(({ subscribe }) => ({
  subscribe: (sink) => Effect.flatMap(Scope.make(), (scope) => Scope.extend(subscribe(sink), scope))
}))

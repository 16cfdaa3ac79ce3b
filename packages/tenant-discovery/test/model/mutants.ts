/**
 * Faulty cores: faults of each law, and faults that the core once had. Each replaces a part of
 * the discovery, and breaks the story of its name.
 */
import { Effect, HashSet, Scope, Stream } from "effect"
import type { SignalSink, TenantChange } from "../../src/index.js"
import { reduce } from "../../src/internal/discovery/reducer.js"
import type {
  Input,
  Now,
  Reduced,
  Reducer,
  ReducerState
} from "../../src/internal/discovery/state.js"
import type { DiscoverySettings } from "../../src/internal/discovery/settings.js"
import { outage } from "../../src/testing.js"
import type { Edges, Variant } from "./Simulation.js"

export interface Mutant extends Variant {
  readonly fault: string
  /** The name of the story in `stories.ts` that breaks. */
  readonly story: string
  /** Random histories must find it too. Faults that the core once had are too rare. */
  readonly isCommon: boolean
}

interface Arguments {
  readonly settings: DiscoverySettings
  readonly state: ReducerState
  readonly inputs: ReadonlyArray<Input>
  readonly now: Now
}

const has = (inputs: ReadonlyArray<Input>, tag: Input["_tag"]): boolean =>
  inputs.some(({ _tag }) => _tag === tag)

/** Changes what the reducer gets, where such an input is among the inputs. */
const before = (tag: Input["_tag"], change: (given: Arguments) => Partial<Arguments>): Variant => {
  const reducer: Reducer = (settings, state, inputs, now) => {
    const given = { settings, state, inputs, now }
    const changed = has(inputs, tag) ? { ...given, ...change(given) } : given
    return reduce(changed.settings, changed.state, changed.inputs, changed.now)
  }
  return { reducer }
}

const beforeState = (
  tag: Input["_tag"],
  change: (state: ReducerState, now: Now) => Partial<ReducerState>
): Variant => before(tag, ({ now, state }) => ({ state: { ...state, ...change(state, now) } }))

/** Changes an input of that kind; `undefined` drops it. */
const input = <Tag extends Input["_tag"]>(
  tag: Tag,
  change: (input: Extract<Input, { readonly _tag: Tag }>) => Input | undefined
): Variant => {
  const isOfTag = (one: Input): one is Extract<Input, { readonly _tag: Tag }> => one._tag === tag
  return before(tag, ({ inputs }) => ({
    inputs: inputs.flatMap((one) => {
      const changed = isOfTag(one) ? change(one) : one
      return changed === undefined ? [] : [changed]
    })
  }))
}

const withSettings = (tag: Input["_tag"], settings: Partial<DiscoverySettings>): Variant =>
  before(tag, (given) => ({ settings: { ...given.settings, ...settings } }))

/** Changes what the reducer returns. */
const after = (change: (reduced: Reduced, given: Arguments) => Partial<Reduced>): Variant => ({
  reducer: (settings, state, inputs, now) => {
    const reduced = reduce(settings, state, inputs, now)
    return { ...reduced, ...change(reduced, { settings, state, inputs, now }) }
  }
})

const afterState = (
  change: (state: ReducerState, given: Arguments) => Partial<ReducerState>
): Variant => after(({ state }, given) => ({ state: { ...state, ...change(state, given) } }))

/** Every present tenant counts as missing in the last list. */
const allMissing = ({ view }: ReducerState) => ({
  missing: new Map(view.ids.map((id) => [id, 1] as const))
})

const edges = (change: (edges: Edges) => Partial<Edges>): Variant => ({
  edges: (given) => ({ ...given, ...change(given) })
})

/** Changes each message before the discovery receives it. */
const messages = (
  { events, manager }: Edges,
  receive: (sink: SignalSink, raw: string, channel: string | undefined) => void
): Edges => ({
  manager,
  events: {
    subscribe: (sink) =>
      events.subscribe({ ...sink, message: (raw, channel) => receive(sink, raw, channel) })
  }
})

const changes = (
  change: (stream: Stream.Stream<TenantChange>) => Stream.Stream<TenantChange>
): Variant => ({ service: (service) => ({ ...service, changes: change(service.changes) }) })

const listsBeforeSubscribing = edges(({ events, manager }) => {
  let early = manager.listActiveTenants
  return {
    events: {
      subscribe: (sink) =>
        Effect.zipRight(
          Effect.tap(Effect.exit(manager.listActiveTenants), (exit) => {
            early = exit
          }),
          events.subscribe(sink)
        )
    },
    manager: {
      ...manager,
      listActiveTenants: Effect.suspend(() => {
        const answer = early
        early = manager.listActiveTenants
        return answer
      })
    }
  }
})

/** Messages that arrive before the first list is answered are delivered after it. */
const delaysMessagesOfTheStart: Variant = {
  edges: (given) => {
    const waiting: Array<() => void> = []
    let isListed = false
    const { events } = messages(given, (sink, raw, channel) => {
      if (isListed) sink.message(raw, channel)
      else waiting.push(() => sink.message(raw, channel))
    })
    const listActiveTenants = Effect.tap(given.manager.listActiveTenants, () => {
      isListed = true
      for (const deliver of waiting.splice(0)) deliver()
    })
    return { events, manager: { ...given.manager, listActiveTenants } }
  }
}

const mutant = (fault: string, story: string, variant: Variant): Mutant => ({
  fault,
  story,
  isCommon: true,
  ...variant
})

const rare = (fault: string, story: string, variant: Variant): Mutant => ({
  ...mutant(fault, story, variant),
  isCommon: false
})

export const mutants: ReadonlyArray<Mutant> = [
  mutant(
    "lists before it subscribes",
    "an event between the list and the subscription",
    listsBeforeSubscribing
  ),
  mutant(
    "does not list after a resubscription",
    "a change while the subscription is lost",
    before("Subscribed", ({ inputs, state }) => ({
      state: {
        ...state,
        subscribed: true,
        subscription: state.subscription + 1,
        reconciled: true
      },
      inputs: inputs.filter(({ _tag }) => _tag !== "Subscribed")
    }))
  ),
  mutant(
    "forgets which tenants events named during a list",
    "an event during a list",
    beforeState("Listed", ({ list }) => ({ list: list && { ...list, named: HashSet.empty() } }))
  ),
  mutant(
    "publishes an Added twice",
    "a tenant is added",
    changes(
      Stream.mapConcat((change: TenantChange): ReadonlyArray<TenantChange> =>
        change._tag === "Added" ? [change, change] : [change]
      )
    )
  ),
  mutant("has no mass removal guard", "an empty list", beforeState("Listed", allMissing)),
  mutant(
    "keeps a suspicion after a complete list",
    "lists that are empty, complete and empty",
    afterState(({ missing }, given) => ({
      missing: missing.size > 0 ? missing : given.state.missing
    }))
  ),
  mutant(
    "becomes Live with a list from before the subscription",
    "a resubscription during a list",
    beforeState("Listed", ({ list, subscription }) => ({ list: list && { ...list, subscription } }))
  ),
  mutant(
    "counts freshness from the answer",
    "a slow list",
    beforeState("Listed", ({ list }, { mono }) => ({ list: list && { ...list, startedAt: mono } }))
  ),
  mutant(
    "does not list at an interval",
    "an event is lost",
    withSettings("Listed", { reconcileInterval: 0, bootstrapOnlyInterval: 0 })
  ),
  mutant(
    "requests two lists at once",
    "a slow list",
    edges(({ manager }) => ({
      manager: {
        ...manager,
        listActiveTenants: Effect.zipLeft(manager.listActiveTenants, manager.listActiveTenants, {
          concurrent: true
        })
      }
    }))
  ),
  mutant(
    "a list in flight serves a refresh that began later",
    "a refresh during a list",
    afterState(({ list, waiters }) =>
      list === undefined
        ? {}
        : { list: { ...list, waiters: [...list.waiters, ...waiters] }, waiters: [] }
    )
  ),
  mutant(
    "does not retry a failed list",
    "a list fails after a resubscription",
    afterState(({ schedule }, { inputs }) => ({
      schedule: has(inputs, "ListFailed") ? { ...schedule, wantedAt: undefined } : schedule
    }))
  ),
  mutant(
    "stays subscribed after a loss",
    "the subscription is lost",
    input("Lost", () => undefined)
  ),
  mutant(
    "an incomplete list removes tenants",
    "a list with an unreadable tenant",
    input("Listed", ({ listing }) => ({ _tag: "Listed", listing: { ...listing, skipped: 0 } }))
  ),
  mutant(
    "a list that unknown statuses filter removes tenants",
    "lists that are filtered by an unknown status",
    input("Listed", ({ listing }) => ({
      _tag: "Listed",
      listing: { ...listing, inactive: new Map() }
    }))
  ),
  mutant(
    "counts an activated tenant as drift",
    "a list finds an activated tenant",
    beforeState("Listed", ({ list }) => ({ list: list && { ...list, activated: HashSet.empty() } }))
  ),
  rare(
    "counts a tenant that is activated during the list as drift",
    "a tenant is activated during the list that finds it",
    beforeState("Listed", () => ({ activated: HashSet.empty() }))
  ),
  mutant(
    "removes without the configured confirmations",
    "a list lacks one tenant",
    withSettings("Listed", { removalConfirmations: 1 })
  ),
  rare(
    "counts a list from before an event as a confirmation",
    "an event between two lists that lack its tenant",
    afterState(({ missing }, { inputs, state }) => ({
      missing: has(inputs, "Events") ? state.missing : missing
    }))
  ),
  mutant(
    "lists only at the interval after a resubscription",
    "a resubscription",
    withSettings("Subscribed", { resubscribeJitter: 1e9 })
  ),
  mutant(
    "keeps the subscription after the close",
    "the discovery closes",
    edges(({ events }) => ({
      events: {
        subscribe: (sink) =>
          Effect.flatMap(Scope.make(), (scope) => Scope.extend(events.subscribe(sink), scope))
      }
    }))
  ),
  rare(
    "a confirmed removal confirms the others",
    "an empty list after one that lacks some",
    beforeState("Listed", (state) => (state.missing.size > 0 ? allMissing(state) : {}))
  ),
  rare(
    "an event from before a retry of the start counts as newer than its list",
    "an event before the start is retried",
    delaysMessagesOfTheStart
  ),
  rare(
    "a heartbeat proves freshness while a list awaits confirmation",
    "a heartbeat while a list awaits confirmation",
    beforeState("Alive", () => ({ inDoubt: false }))
  ),
  rare(
    "a list that awaits confirmation serves a refresh",
    "a refresh that is answered with an empty list",
    after(({ commands, state }) => ({
      state: { ...state, waitersForConfirmation: [] },
      commands: [
        ...commands,
        { _tag: "Settle", waiters: state.waitersForConfirmation, error: undefined }
      ]
    }))
  ),
  rare(
    "does not back off",
    "the tenant manager is down for long",
    before("ListFailed", ({ now }) => ({ now: { ...now, random: 0 } }))
  ),
  rare(
    "lists at each resubscription of a flapping connection",
    "the subscription flaps",
    withSettings("Subscribed", { relistDebounce: 0 })
  ),
  rare(
    "ignores Retry-After",
    "a list is answered 429",
    input("ListFailed", () => ({ _tag: "ListFailed", error: outage() }))
  ),
  rare("applies an event twice", "an old event is repeated", {
    edges: (given) =>
      messages(given, (sink, raw, channel) =>
        sink.message(raw.replace(/"event_id":"[^"]*",/, ""), channel)
      )
  }),
  rare(
    "forgets the callers of a failed list",
    "a refresh whose list fails",
    after(({ commands }, { inputs }) => ({
      commands: has(inputs, "ListFailed")
        ? commands.filter(({ _tag }) => _tag !== "Settle")
        : commands
    }))
  ),
  rare(
    "a reader has an unbounded queue",
    "a burst that a reader does not see",
    changes(Stream.buffer({ capacity: "unbounded" }))
  )
]

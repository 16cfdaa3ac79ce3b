/**
 * Kept stories, each named after a fault that it reveals. The fault was in the core once, or is
 * one of its kind; the mutant puts it back.
 */
import { HashSet, Stream } from "effect"
import { outage } from "../../src/testing.js"
import type { Variant } from "./Simulation.js"
import type { Start, Step, Story } from "./story.js"
import {
  addedTwice,
  after,
  allMissing,
  assumeReconciled,
  before,
  changes,
  delayMessagesOfTheStart,
  heartbeatProvesInDoubt,
  incompleteAsComplete,
  keepSubscription,
  listBeforeSubscribing,
  listInFlight,
  replaceInputs,
  twoListsAtOnce,
  withoutEventIds,
  withSettings
} from "./variants.js"

export interface KeptStory extends Story {
  readonly fault: string
  readonly mutant: Variant
}

const start: Start = {
  initial: [0, 1, 2],
  acknowledged: true,
  firstLists: "Working",
  slowness: 100,
  resubscribeJitter: 0,
  removalConfirmations: 1,
  seed: 1,
  ending: "Close"
}

const story = (
  fault: string,
  mutant: Variant,
  steps: ReadonlyArray<Step>,
  options: Partial<Start> = {}
): KeptStory => ({ fault, mutant, start: { ...start, ...options }, steps })

const suspend: Step = { _tag: "Suspend", tenant: 0, channel: "environment", delivery: "Once" }
const associate: Step = { ...suspend, _tag: "Associate" }
const empty: Step = { _tag: "OmitFromLists", omission: "Absent", share: 0, from: "End", times: 1 }
const slow: Step = { _tag: "DelayLists", millis: 500, snapshot: "Request" }
const outageOnce: Step = { _tag: "FailLists", failure: "Outage", times: 1 }
const lose: Step = { _tag: "LoseSubscription" }
const subscribe: Step = { _tag: "Subscribe" }
const refresh: Step = { _tag: "Refresh" }
const activate: Step = { _tag: "Activate", tenant: 5 }
const wait = (millis: number): Step => ({ _tag: "Wait", millis })

const ten: Partial<Start> = { initial: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] }
const twoConfirmations: Partial<Start> = { ...ten, removalConfirmations: 2 }
const converge: Partial<Start> = { ending: "Converge" }

export const stories: ReadonlyArray<KeptStory> = [
  story("lists before it subscribes", listBeforeSubscribing, [suspend, subscribe], {
    acknowledged: false
  }),
  story("does not list after a resubscription", assumeReconciled, [lose, suspend, subscribe]),
  story(
    "forgets the events during a list",
    listInFlight(() => ({ named: HashSet.empty() })),
    [slow, refresh, suspend, wait(600)]
  ),
  story("publishes an Added twice", addedTwice, [{ ...associate, tenant: 5 }]),
  story("has no mass removal guard", before("Listed", allMissing), [empty, refresh]),
  story(
    "keeps a suspicion after a complete list",
    after("Listed", ({ state: { missing } }, given) => ({
      missing: missing.size > 0 ? missing : given.missing
    })),
    [empty, refresh, wait(1100), empty, refresh]
  ),
  story(
    "becomes Live with a list from before the subscription",
    listInFlight(({ subscription }) => ({ subscription })),
    [slow, refresh, lose, subscribe, wait(600)]
  ),
  story(
    "counts freshness from the answer",
    listInFlight((_, { mono }) => ({ startedAt: mono })),
    [slow, refresh, wait(600)]
  ),
  story("requests two lists at once", twoListsAtOnce, [slow, refresh, wait(600)]),
  story(
    "does not list at an interval",
    withSettings("Listed", { reconcileInterval: 0, bootstrapOnlyInterval: 0 }),
    [{ ...suspend, delivery: "Lost" }],
    converge
  ),
  story(
    "serves a refresh from the list in flight",
    after(
      "Refresh",
      ({ state: { list, waiters } }) =>
        list && { list: { ...list, waiters: [...list.waiters, ...waiters] }, waiters: [] }
    ),
    [slow, refresh, refresh, wait(600)]
  ),
  story(
    "does not retry a failed list",
    after("ListFailed", ({ state }) => ({ schedule: { ...state.schedule, wantedAt: undefined } })),
    [lose, suspend, outageOnce, subscribe, wait(300)],
    converge
  ),
  story(
    "stays subscribed after a loss",
    replaceInputs((input) => (input._tag === "Lost" ? [] : [input])),
    [lose]
  ),
  story(
    "confirms all removals with one",
    before("Listed", (state) => (state.missing.size > 0 ? allMissing(state) : {})),
    [{ ...empty, share: 0.3 }, empty, refresh, wait(1100)],
    ten
  ),
  // The first list fails; the event that comes before the second is older than that.
  story(
    "takes an event from before a retry of the start as newer than its list",
    delayMessagesOfTheStart,
    [suspend, { ...associate, delivery: "Lost" }, wait(3000)],
    { firstLists: "Failing" }
  ),
  story("takes a heartbeat as proof while a list awaits confirmation", heartbeatProvesInDoubt, [
    empty,
    refresh,
    wait(500),
    { _tag: "Heartbeat" }
  ]),
  story(
    "serves a refresh without confirmation",
    after("Listed", ({ commands, state }) => {
      commands.push({ _tag: "Settle", waiters: state.waitersForConfirmation, error: undefined })
      return { waitersForConfirmation: [] }
    }),
    [empty, wait(100), refresh]
  ),
  story("does not back off", withSettings("ListFailed", { relistBackoff: 1 }), [
    { ...outageOnce, times: 1000 },
    activate,
    wait(90_000)
  ]),
  story("does not debounce lists", withSettings("Subscribed", { relistDebounce: 0 }), [
    { _tag: "Flap", times: 3 }
  ]),
  story(
    "ignores Retry-After",
    replaceInputs((input) => [input._tag === "ListFailed" ? { ...input, error: outage() } : input]),
    [{ ...outageOnce, failure: "Throttled" }, refresh, wait(9000)]
  ),
  // The slower channel repeats the event after the one that reverses it.
  story("applies an event twice", withoutEventIds, [
    { _tag: "DelayMessages", queue: "tenant", millis: 1000 },
    { ...suspend, delivery: "Twice" },
    associate,
    wait(1100)
  ]),
  story(
    "forgets the callers of a failed list",
    listInFlight(() => ({ waiters: [] }), "ListFailed"),
    [outageOnce, refresh]
  ),
  story(
    "gives a reader an unbounded queue",
    changes(Stream.buffer({ capacity: "unbounded" })),
    [{ _tag: "Burst", tenant: 0, rounds: 30 }],
    { ending: "ConvergeAsIs" }
  ),
  story("removes the unreadable tenants of a list", incompleteAsComplete, [
    { ...empty, omission: "Unreadable", share: 0.6 },
    refresh
  ]),
  story("removes tenants because of an incomplete list", incompleteAsComplete, [
    { ...empty, omission: "Incomplete", share: 0.6 },
    refresh
  ]),
  story("removes tenants of an unknown status", incompleteAsComplete, [
    { ...empty, omission: "UnknownStatus", times: 2 },
    refresh,
    wait(1100),
    refresh
  ]),
  story(
    "counts an activated tenant as drift",
    listInFlight(() => ({ activated: HashSet.empty() })),
    [activate, wait(1000)]
  ),
  story(
    "counts a tenant that is activated during the list as drift",
    before("Listed", () => ({ activated: HashSet.empty() })),
    [{ ...slow, snapshot: "Answer" }, refresh, wait(100), activate, wait(500)]
  ),
  story(
    "ignores removalConfirmations",
    withSettings("Listed", { removalConfirmations: 1 }),
    [{ ...empty, share: 0.9 }, refresh],
    twoConfirmations
  ),
  story(
    "takes a list from before an event as confirmation",
    after("Events", (_, { missing }) => ({ missing })),
    [{ ...empty, share: 0.9, times: 2 }, refresh, associate, wait(1100)],
    twoConfirmations
  ),
  story(
    "closes a gap only at the next interval",
    withSettings("Subscribed", { resubscribeJitter: 1e9 }),
    [lose, wait(500), subscribe],
    converge
  ),
  story("keeps the subscription after the close", keepSubscription, [])
]

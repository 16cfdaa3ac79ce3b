/** Stories that broke a law once: in the core, or over a mutant of `mutants.ts`. */
import type { Start, Step, Story } from "./story.js"

export interface KeptStory extends Story {
  readonly name: string
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
  name: string,
  steps: ReadonlyArray<Step>,
  options: Partial<Start> = {}
): KeptStory => ({ name, start: { ...start, ...options }, steps })

const once = { channel: "environment", delivery: "Once" } as const
const lost = { channel: "environment", delivery: "Lost" } as const
const twice = { channel: "environment", delivery: "Twice" } as const
const suspend: Step = { _tag: "Suspend", tenant: 0, ...once }
const empty: Step = {
  _tag: "OmitFromLists",
  omission: "Absent",
  share: 0,
  from: "Start",
  times: 1
}
const lacksSome: Step = { ...empty, share: 0.3 }
const slow: Step = { _tag: "DelayLists", millis: 500, snapshot: "Request" }
const outage: Step = { _tag: "FailLists", failure: "Outage", times: 1 }
const lose: Step = { _tag: "LoseSubscription" }
const subscribe: Step = { _tag: "Subscribe" }
const refresh: Step = { _tag: "Refresh" }
const wait = (millis: number): Step => ({ _tag: "Wait", millis })
const ten = { initial: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] } as const

export const stories: ReadonlyArray<KeptStory> = [
  story("an event between the list and the subscription", [suspend, subscribe], {
    acknowledged: false
  }),
  story("a change while the subscription is lost", [lose, suspend, subscribe]),
  story("an event during a list", [slow, refresh, suspend, wait(600)]),
  story("a tenant is added", [{ _tag: "Associate", tenant: 5, ...once }]),
  story("an empty list", [empty, refresh]),
  story("lists that are empty, complete and empty", [empty, refresh, wait(1100), empty, refresh]),
  story("a resubscription during a list", [slow, refresh, lose, subscribe, wait(600)]),
  story("a slow list", [slow, refresh, wait(600)]),
  story("an event is lost", [{ _tag: "Suspend", tenant: 0, ...lost }], { ending: "Converge" }),
  story("a refresh during a list", [slow, refresh, refresh, wait(600)]),
  story("a list fails after a resubscription", [lose, suspend, outage, subscribe, wait(300)], {
    ending: "Converge"
  }),
  story("the subscription is lost", [lose]),
  story("an empty list after one that lacks some", [lacksSome, empty, refresh, wait(1100)], ten),
  // The first list fails; the event that comes before the second is older than that.
  story(
    "an event before the start is retried",
    [suspend, { _tag: "Associate", tenant: 0, ...lost }, wait(3000)],
    { firstLists: "Failing" }
  ),
  story("a heartbeat while a list awaits confirmation", [
    empty,
    refresh,
    wait(500),
    { _tag: "Heartbeat" }
  ]),
  story("a refresh that is answered with an empty list", [empty, wait(100), refresh]),
  story("the tenant manager is down for long", [
    { _tag: "StopLists" },
    { _tag: "Activate", tenant: 0 },
    wait(90_000)
  ]),
  story("the subscription flaps", [{ _tag: "Flap", times: 3 }]),
  story("a list is answered 429", [
    { _tag: "FailLists", failure: "Throttled", times: 1 },
    refresh,
    wait(9000)
  ]),
  // The slower channel repeats the event after the one that reverses it.
  story("an old event is repeated", [
    { _tag: "DelayChannel", channel: "tenant", millis: 1000 },
    { _tag: "Suspend", tenant: 0, ...twice },
    { _tag: "Associate", tenant: 0, ...once },
    wait(1100)
  ]),
  story("a refresh whose list fails", [outage, refresh]),
  story("a burst that a reader does not see", [{ _tag: "Burst", tenant: 0, rounds: 30 }], {
    ending: "ConvergeAsIs"
  }),
  story("a list with an unreadable tenant", [
    { ...lacksSome, omission: "Unreadable", share: 0.6 },
    refresh
  ]),
  story("lists that are filtered by an unknown status", [
    { ...empty, omission: "UnknownStatus", times: 3 },
    refresh,
    wait(1100),
    refresh,
    wait(1100),
    refresh
  ]),
  story("a list finds an activated tenant", [{ _tag: "Activate", tenant: 5 }, wait(1000)]),
  story("a tenant is activated during the list that finds it", [
    { _tag: "DelayLists", millis: 500, snapshot: "Answer" },
    refresh,
    wait(100),
    { _tag: "Activate", tenant: 5 },
    wait(500)
  ]),
  story("a list lacks one tenant", [{ ...empty, share: 0.9 }, refresh], {
    ...ten,
    removalConfirmations: 2
  }),
  story(
    "an event between two lists that lack its tenant",
    [
      { ...empty, share: 0.9, times: 2, from: "End" },
      refresh,
      { _tag: "Associate", tenant: 0, ...once },
      wait(1100)
    ],
    { ...ten, removalConfirmations: 2 }
  ),
  story("a resubscription", [lose, wait(500), subscribe], {
    ending: "Converge",
    resubscribeJitter: 2000
  }),
  story("the discovery closes", [])
]

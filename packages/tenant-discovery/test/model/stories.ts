/**
 * Stories that are kept: each once broke a law, in the core as it was or as
 * `mutants.ts` breaks it, and there it still does.
 */
import type { Start, Step, Story } from "./story.js"

export interface KeptStory extends Story {
  readonly name: string
}

const start: Start = {
  initial: [0, 1, 2],
  acknowledged: true,
  firstLists: "Well",
  slowness: 100,
  jitter: 1,
  ending: "Close"
}

const story = (
  name: string,
  steps: ReadonlyArray<Step>,
  otherwise: Partial<Start> = {}
): KeptStory => ({ name, start: { ...start, ...otherwise }, steps })

const once = { channel: "environment", delivery: "Once" } as const
const lost = { channel: "environment", delivery: "Lost" } as const
const twice = { channel: "environment", delivery: "Twice" } as const
const empty: Step = { _tag: "ListsLack", share: 0, from: "Start", times: 1 }
const slow: Step = { _tag: "ListsSlow", millis: 500, snapshot: "Asked" }
const outage: Step = { _tag: "ListsFail", how: "Outage", times: 1 }
const refresh: Step = { _tag: "Refresh" }
const wait = (millis: number): Step => ({ _tag: "Wait", millis })

export const stories: ReadonlyArray<KeptStory> = [
  story(
    "an event between the list and the subscription",
    [{ _tag: "Suspend", tenant: 0, ...once }, { _tag: "Subscribe" }],
    { acknowledged: false }
  ),
  story("a change while the subscription is lost", [
    { _tag: "Lose" },
    { _tag: "Suspend", tenant: 0, ...once },
    { _tag: "Subscribe" }
  ]),
  story("an event during a list", [
    slow,
    refresh,
    { _tag: "Suspend", tenant: 0, ...once },
    wait(600)
  ]),
  story("a tenant is added", [{ _tag: "Associate", tenant: 5, ...once }]),
  story("an empty list", [empty, refresh]),
  story("lists that are empty, full and empty", [empty, refresh, wait(1100), empty, refresh]),
  story("the subscription comes back during a list", [
    slow,
    refresh,
    { _tag: "Lose" },
    { _tag: "Subscribe" },
    wait(600)
  ]),
  story("a slow list", [slow, refresh, wait(600)]),
  story("an event is lost", [{ _tag: "Suspend", tenant: 0, ...lost }], { ending: "Converge" }),
  story("a refresh during a list", [slow, refresh, refresh, wait(600)]),
  story(
    "a list fails after the subscription is back",
    [
      { _tag: "Lose" },
      { _tag: "Suspend", tenant: 0, ...once },
      outage,
      { _tag: "Subscribe" },
      wait(300)
    ],
    { ending: "Converge" }
  ),
  story("the subscription is lost", [{ _tag: "Lose" }]),
  story(
    "an empty list after one that lacked others",
    [{ _tag: "ListsLack", share: 0.3, from: "Start", times: 1 }, empty, refresh, wait(1100)],
    { initial: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] }
  ),
  // The first list fails; the event that comes before the second is older than it.
  story(
    "an event before the start is tried again",
    [
      { _tag: "Suspend", tenant: 0, ...once },
      { _tag: "Associate", tenant: 0, ...lost },
      wait(3000)
    ],
    { firstLists: "Away" }
  ),
  story("a heartbeat while a list is in doubt", [empty, refresh, wait(500), { _tag: "Heartbeat" }]),
  story("a refresh that is answered with an empty list", [empty, wait(100), refresh]),
  story("the tenant manager is away for long", [
    { _tag: "ListsDown" },
    { _tag: "Activate", tenant: 0 },
    wait(90_000)
  ]),
  story("the subscription comes and goes", [{ _tag: "Flap", times: 3 }]),
  story("a list is answered 429", [
    { _tag: "ListsFail", how: "Throttled", times: 1 },
    refresh,
    wait(9000)
  ]),
  // The other channel brings it a second time, after what undid it.
  story("an old event comes again", [
    { _tag: "ChannelSlow", channel: "tenant", millis: 1000 },
    { _tag: "Suspend", tenant: 0, ...twice },
    { _tag: "Associate", tenant: 0, ...once },
    wait(1100)
  ]),
  story("a refresh whose list fails", [outage, refresh]),
  story("a burst that a reader does not see", [{ _tag: "Burst", tenant: 0, rounds: 30 }], {
    ending: "ConvergeAsIs"
  })
]

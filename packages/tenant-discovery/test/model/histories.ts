/** Random stories. */
import { FastCheck as fc } from "effect"
import { type Start, type Step, type Story, TENANTS } from "./story.js"

type Tag = Step["_tag"]
type Details<T extends Tag> = Omit<Extract<Step, { readonly _tag: T }>, "_tag">

const stepOf = <T extends Tag>(
  weight: number,
  tag: T,
  details: { readonly [Key in keyof Details<T>]: fc.Arbitrary<Details<T>[Key]> }
) => ({ weight, arbitrary: fc.record({ _tag: fc.constant(tag), ...details }) })

const oneOf = <const A>(...values: ReadonlyArray<A>) => fc.constantFrom(...values)
/** Mostly one of a few, so that much happens to one tenant. */
const tenant = fc.oneof(fc.nat(2), fc.nat(TENANTS - 1))
const channel = oneOf("environment", "tenant")
const upTo = (max: number) => fc.integer({ min: 1, max })
/** Mostly short, sometimes longer than any other wait. */
const delay = fc.oneof(upTo(900), fc.integer({ min: 900, max: 5000 }), upTo(29_000))
const anyWait = fc.oneof(upTo(400), fc.integer({ min: 400, max: 5000 }), upTo(90_000))

const start: fc.Arbitrary<Start> = fc.record({
  initial: fc.uniqueArray(fc.nat(TENANTS - 1)),
  acknowledged: fc.boolean(),
  firstLists: oneOf("Working", "Working", "Failing", "Slow"),
  slowness: upTo(3000),
  resubscribeJitter: oneOf(0, 500, 2000),
  removalConfirmations: oneOf(1, 1, 2, 3),
  seed: fc.nat(9999),
  ending: oneOf("Close", "Converge", "ConvergeAsIs")
})

const change = { tenant, channel, delivery: oneOf("Once", "Once", "Lost", "Twice") }

// A start that fails ends the history: failures that are no outage are rare.
const outages = ["Outage", "Outage", "Outage", "Hangs", "Hangs"] as const
const failure = oneOf(...outages, "Throttled", "CircuitOpen", "Unauthorized", "Defect")
const absent = ["Absent", "Absent", "Absent"] as const
const omission = oneOf(...absent, "Unreadable", "UnknownStatus", "InactiveStatus", "Incomplete")

const step: fc.Arbitrary<Step> = fc.oneof(
  stepOf(5, "Associate", change),
  stepOf(5, "Suspend", change),
  stepOf(2, "Activate", { tenant }),
  stepOf(1, "RotateCredentials", { tenant }),
  stepOf(1, "Burst", { tenant, rounds: upTo(30) }),
  stepOf(3, "DelayMessages", {
    queue: oneOf("environment", "tenant", "connection"),
    millis: delay
  }),
  stepOf(1, "RepairBus", {}),
  stepOf(2, "LoseSubscription", {}),
  stepOf(3, "Subscribe", {}),
  stepOf(1, "Flap", { times: upTo(8) }),
  stepOf(2, "Heartbeat", {}),
  stepOf(3, "Refresh", {}),
  stepOf(2, "DelayLists", { millis: delay, snapshot: oneOf("Request", "Answer") }),
  stepOf(3, "FailLists", { failure, times: fc.oneof(upTo(2), upTo(4), fc.constant(1000)) }),
  stepOf(4, "OmitFromLists", {
    omission,
    share: oneOf(0, 0, 0.3, 0.6),
    from: oneOf("Start", "End"),
    times: upTo(2)
  }),
  stepOf(1, "OutdateLists", { millis: delay, times: upTo(2) }),
  stepOf(2, "RepairLists", {}),
  stepOf(1, "SetClock", { millis: oneOf(-3_600_000, 86_400_000) }),
  stepOf(1, "AddReader", { slowness: fc.nat(3000) }),
  stepOf(9, "Wait", { millis: anyWait })
)

export const histories: fc.Arbitrary<Story> = fc.record({
  start,
  steps: fc.array(step, { maxLength: 30, size: "max" })
})

/** Random starts, and random steps as commands of fast-check's model-based runner. */
import { FastCheck as fc } from "effect"
import { checkLaws, checkRequireFresh } from "./laws.js"
import type { Model } from "./Model.js"
import type { Simulation } from "./Simulation.js"
import {
  type Channel,
  type Delivery,
  describeStep,
  type Failure,
  type Omission,
  type Start,
  type Step,
  TENANTS
} from "./story.js"

const MAX_STEPS = 30

const tenant = fc.nat(TENANTS - 1)
const channel = fc.constantFrom<Channel>("environment", "tenant")
const times = (max: number) => fc.integer({ min: 1, max })
/** Mostly short, sometimes longer than any other wait. */
const delay = fc.oneof(
  fc.integer({ min: 1, max: 900 }),
  fc.integer({ min: 900, max: 5000 }),
  fc.integer({ min: 5000, max: 29_000 })
)

export const start: fc.Arbitrary<Start> = fc.record({
  initial: fc.uniqueArray(tenant),
  acknowledged: fc.boolean(),
  firstLists: fc.constantFrom<Start["firstLists"]>("Working", "Working", "Failing", "Slow"),
  slowness: fc.integer({ min: 1, max: 3000 }),
  resubscribeJitter: fc.constantFrom(0, 500, 2000),
  removalConfirmations: fc.constantFrom(1, 1, 2, 3),
  seed: fc.nat(9999),
  ending: fc.constantFrom<Start["ending"]>("Close", "Converge", "ConvergeAsIs")
})

const weighted = (weight: number, arbitrary: fc.Arbitrary<Step>) => ({ weight, arbitrary })

const change = (_tag: "Associate" | "Suspend"): fc.Arbitrary<Step> =>
  fc.record({
    _tag: fc.constant(_tag),
    tenant,
    channel,
    delivery: fc.constantFrom<Delivery>("Once", "Once", "Once", "Lost", "Twice")
  })

export const step: fc.Arbitrary<Step> = fc.oneof(
  weighted(10, fc.oneof(change("Associate"), change("Suspend"))),
  weighted(1, fc.record({ _tag: fc.constant("Activate"), tenant })),
  weighted(1, fc.record({ _tag: fc.constant("RotateCredentials"), tenant })),
  weighted(1, fc.record({ _tag: fc.constant("Burst"), tenant, rounds: times(30) })),
  weighted(1, fc.constant<Step>({ _tag: "MalformedMessages" })),
  weighted(1, fc.record({ _tag: fc.constant("DelayChannel"), channel, millis: delay })),
  weighted(1, fc.record({ _tag: fc.constant("DelayConnection"), millis: delay })),
  weighted(1, fc.constant<Step>({ _tag: "RepairBus" })),
  weighted(2, fc.constant<Step>({ _tag: "LoseSubscription" })),
  weighted(3, fc.constant<Step>({ _tag: "Subscribe" })),
  weighted(1, fc.record({ _tag: fc.constant("Flap"), times: times(8) })),
  weighted(2, fc.constant<Step>({ _tag: "Heartbeat" })),
  weighted(3, fc.constant<Step>({ _tag: "Refresh" })),
  weighted(
    2,
    fc.record({
      _tag: fc.constant("DelayLists"),
      millis: delay,
      snapshot: fc.constantFrom<"Request" | "Answer">("Request", "Answer")
    })
  ),
  weighted(
    2,
    fc.record({
      _tag: fc.constant("FailLists"),
      // A start that fails ends the history: such failures are rare here.
      failure: fc.constantFrom<Failure>(
        "Outage",
        "Outage",
        "Outage",
        "Hangs",
        "Hangs",
        "Throttled",
        "CircuitOpen",
        "Unauthorized",
        "Defect"
      ),
      times: times(4)
    })
  ),
  weighted(
    4,
    fc.record({
      _tag: fc.constant("OmitFromLists"),
      omission: fc.constantFrom<Omission>(
        "Absent",
        "Absent",
        "Absent",
        "Unreadable",
        "UnknownStatus",
        "InactiveStatus"
      ),
      share: fc.constantFrom(0, 0, 0.3, 0.6),
      from: fc.constantFrom<"Start" | "End">("Start", "End"),
      times: times(2)
    })
  ),
  weighted(1, fc.record({ _tag: fc.constant("OutdateLists"), millis: delay, times: times(2) })),
  weighted(1, fc.constant<Step>({ _tag: "StopLists" })),
  weighted(2, fc.constant<Step>({ _tag: "RepairLists" })),
  weighted(
    1,
    fc.record({ _tag: fc.constant("SetClock"), millis: fc.constantFrom(-3_600_000, 86_400_000) })
  ),
  weighted(
    1,
    fc.record({ _tag: fc.constant("AddReader"), slowness: fc.integer({ min: 0, max: 3000 }) })
  ),
  weighted(
    9,
    fc.record({
      _tag: fc.constant("Wait"),
      millis: fc.oneof(
        fc.integer({ min: 1, max: 400 }),
        fc.integer({ min: 400, max: 5000 }),
        fc.integer({ min: 5000, max: 90_000 })
      )
    })
  )
)

/** Steps that would change nothing are left out, also while a story is shrunk. */
const hasEffect: { readonly [Tag in Step["_tag"]]?: (model: Readonly<Model>) => boolean } = {
  Subscribe: ({ subscribed }) => !subscribed,
  Flap: ({ subscribed }) => subscribed,
  Heartbeat: ({ subscribed }) => subscribed,
  LoseSubscription: ({ connection }) => connection !== "Lost",
  RepairBus: ({ busWorks }) => !busWorks,
  RepairLists: ({ listsWork }) => !listsWork
}

/** Takes a step, and checks the laws after it. */
export class TakeStep implements fc.Command<Model, Simulation> {
  constructor(readonly step: Step) {}

  check(model: Readonly<Model>): boolean {
    return hasEffect[this.step._tag]?.(model) ?? true
  }

  run(_model: Model, simulation: Simulation): void {
    simulation.take(this.step, () => checkLaws(simulation))
    checkRequireFresh(simulation)
  }

  toString(): string {
    return describeStep(this.step)
  }
}

export const commands = fc.commands<Model, Simulation>([step.map((one) => new TakeStep(one))], {
  maxCommands: MAX_STEPS,
  size: "max"
})

/** Random starts, and random steps as commands of fast-check's model-based runner. */
import { FastCheck as fc } from "effect"
import type { Knowledge } from "./Knowledge.js"
import { always, freshAsAsked } from "./laws.js"
import {
  type Channel,
  type Delivery,
  type Failure,
  line,
  type Start,
  type Step,
  TENANTS
} from "./story.js"
import type { World } from "./World.js"

const MOST_STEPS = 30

const tenant = fc.nat(TENANTS - 1)
const channel = fc.constantFrom<Channel>("environment", "tenant")
const times = (max: number) => fc.integer({ min: 1, max })
/** Mostly a moment, often a while, now and then longer than anything. */
const lateness = fc.oneof(
  fc.integer({ min: 1, max: 900 }),
  fc.integer({ min: 900, max: 5000 }),
  fc.integer({ min: 5000, max: 29_000 })
)

export const start: fc.Arbitrary<Start> = fc.record({
  initial: fc.uniqueArray(tenant),
  acknowledged: fc.boolean(),
  firstLists: fc.constantFrom<Start["firstLists"]>("Well", "Well", "Away", "Slow"),
  slowness: fc.integer({ min: 1, max: 3000 }),
  jitter: fc.nat(9999),
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
  weighted(1, fc.record({ _tag: fc.constant("Rotate"), tenant })),
  weighted(1, fc.record({ _tag: fc.constant("Burst"), tenant, rounds: times(30) })),
  weighted(1, fc.constant<Step>({ _tag: "Garbage" })),
  weighted(1, fc.record({ _tag: fc.constant("ChannelSlow"), channel, millis: lateness })),
  weighted(1, fc.record({ _tag: fc.constant("LinkSlow"), millis: lateness })),
  weighted(1, fc.constant<Step>({ _tag: "BusWell" })),
  weighted(2, fc.constant<Step>({ _tag: "Lose" })),
  weighted(3, fc.constant<Step>({ _tag: "Subscribe" })),
  weighted(1, fc.record({ _tag: fc.constant("Flap"), times: times(8) })),
  weighted(2, fc.constant<Step>({ _tag: "Heartbeat" })),
  weighted(3, fc.constant<Step>({ _tag: "Refresh" })),
  weighted(
    2,
    fc.record({
      _tag: fc.constant("ListsSlow"),
      millis: lateness,
      snapshot: fc.constantFrom<"Asked" | "Answered">("Asked", "Answered")
    })
  ),
  weighted(
    2,
    fc.record({
      _tag: fc.constant("ListsFail"),
      // A start that is refused is over: more of those would be fewer histories.
      how: fc.constantFrom<Failure>(
        "Outage",
        "Outage",
        "Outage",
        "Hangs",
        "Hangs",
        "Throttled",
        "TenantManagerCircuitOpen",
        "TenantManagerUnauthorized",
        "Dies"
      ),
      times: times(4)
    })
  ),
  weighted(
    3,
    fc.record({
      _tag: fc.constant("ListsLack"),
      share: fc.constantFrom(0, 0, 0.3, 0.6),
      from: fc.constantFrom<"Start" | "End">("Start", "End"),
      times: times(2)
    })
  ),
  weighted(1, fc.record({ _tag: fc.constant("ListsOld"), millis: lateness, times: times(2) })),
  weighted(1, fc.constant<Step>({ _tag: "ListsDown" })),
  weighted(2, fc.constant<Step>({ _tag: "ListsWell" })),
  weighted(
    1,
    fc.record({ _tag: fc.constant("SetClock"), millis: fc.constantFrom(-3_600_000, 86_400_000) })
  ),
  weighted(
    1,
    fc.record({ _tag: fc.constant("Reader"), slowness: fc.integer({ min: 0, max: 3000 }) })
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

type Condition = Pick<Knowledge, "subscribed" | "condition" | "busWell" | "listsWell">

/** Steps that make no difference in some conditions: they are left out there, of a shrunk story too. */
const makesSense: { readonly [Tag in Step["_tag"]]?: (known: Condition) => boolean } = {
  Subscribe: (known) => !known.subscribed,
  Flap: (known) => known.subscribed,
  Heartbeat: (known) => known.subscribed,
  Lose: (known) => known.condition !== "Lost",
  BusWell: (known) => !known.busWell,
  ListsWell: (known) => !known.listsWell
}

/** A step that the real discovery takes, and after which every law is looked at. */
export class Does implements fc.Command<Knowledge, World> {
  constructor(readonly step: Step) {}

  check(known: Readonly<Knowledge>): boolean {
    return makesSense[this.step._tag]?.(known) ?? true
  }

  run(_known: Knowledge, world: World): void {
    world.do(this.step, () => always(world))
    freshAsAsked(world)
  }

  toString(): string {
    return line(this.step)
  }
}

export const commands = fc.commands<Knowledge, World>([step.map((one) => new Does(one))], {
  maxCommands: MOST_STEPS,
  size: "max"
})

/**
 * What may happen to a discovery: the steps of a random history, and how a person
 * reads them.
 */
import { FastCheck as fc } from "effect"

/** Of the tenants `t-0` to `t-(TENANTS - 1)`. */
export const TENANTS = 10

export type Step =
  /** The tenant manager adds or removes; its event is delivered, lost, or delivered twice. */
  | {
      readonly _tag: "Associate" | "Suspend"
      readonly tenant: number
      readonly delivery: "Once" | "Lost" | "Twice"
    }
  /** `tenant.activated`: the tenant is back, and the event does not say for whom. */
  | { readonly _tag: "Activate"; readonly tenant: number }
  | { readonly _tag: "Rotate"; readonly tenant: number }
  | { readonly _tag: "Garbage" }
  | { readonly _tag: "Lose" }
  | { readonly _tag: "Subscribe" }
  | { readonly _tag: "Heartbeat" }
  | { readonly _tag: "Refresh" }
  /** How the next lists behave. */
  | { readonly _tag: "ListsFail"; readonly times: number }
  | { readonly _tag: "ListsSlow"; readonly millis: number }
  | { readonly _tag: "ListLies"; readonly share: number; readonly times: number }
  | { readonly _tag: "ListsWell" }
  | { readonly _tag: "Wait"; readonly millis: number }

const tenant = fc.nat(TENANTS - 1)

const weighted = (weight: number, arbitrary: fc.Arbitrary<Step>) => ({ weight, arbitrary })

export const step: fc.Arbitrary<Step> = fc.oneof(
  weighted(
    10,
    fc.record({
      _tag: fc.constantFrom("Associate" as const, "Suspend" as const),
      tenant,
      delivery: fc.constantFrom(
        "Once" as const,
        "Once" as const,
        "Once" as const,
        "Lost" as const,
        "Twice" as const
      )
    })
  ),
  weighted(1, fc.record({ _tag: fc.constant("Activate" as const), tenant })),
  weighted(1, fc.record({ _tag: fc.constant("Rotate" as const), tenant })),
  weighted(1, fc.constant({ _tag: "Garbage" })),
  weighted(2, fc.constant({ _tag: "Lose" })),
  weighted(3, fc.constant({ _tag: "Subscribe" })),
  weighted(2, fc.constant({ _tag: "Heartbeat" })),
  weighted(2, fc.constant({ _tag: "Refresh" })),
  weighted(
    1,
    fc.record({ _tag: fc.constant("ListsFail" as const), times: fc.integer({ min: 1, max: 4 }) })
  ),
  weighted(
    3,
    fc.record({ _tag: fc.constant("ListsSlow" as const), millis: fc.integer({ min: 1, max: 900 }) })
  ),
  weighted(
    2,
    fc.record({
      _tag: fc.constant("ListLies" as const),
      share: fc.constantFrom(0, 0.3, 0.6),
      times: fc.integer({ min: 1, max: 3 })
    })
  ),
  weighted(2, fc.constant({ _tag: "ListsWell" })),
  weighted(
    8,
    fc.record({
      _tag: fc.constant("Wait" as const),
      millis: fc.oneof(
        fc.integer({ min: 1, max: 400 }),
        fc.integer({ min: 400, max: 5000 }),
        fc.integer({ min: 5000, max: 90_000 })
      )
    })
  )
)

export interface History {
  readonly initial: ReadonlyArray<number>
  /** Whether the server acknowledges the first subscription at once. */
  readonly auto: boolean
  /** How long a slow reader takes for each change. */
  readonly slowness: number
  readonly steps: ReadonlyArray<Step>
}

export const history: fc.Arbitrary<History> = fc.record({
  initial: fc.uniqueArray(tenant),
  auto: fc.boolean(),
  slowness: fc.integer({ min: 1, max: 3000 }),
  steps: fc.array(step, { maxLength: 30, size: "max" })
})

const line = (one: Step): string => {
  switch (one._tag) {
    case "Associate":
    case "Suspend": {
      const what = one._tag === "Associate" ? "associates" : "suspends"
      const how = { Once: "", Lost: "; the event is lost", Twice: "; the event comes twice" }
      return `the tenant manager ${what} t-${one.tenant}${how[one.delivery]}`
    }
    case "Activate":
      return `the tenant manager activates t-${one.tenant} (tenant.activated)`
    case "Rotate":
      return `the credentials of t-${one.tenant} are rotated`
    case "Garbage":
      return "garbage is published"
    case "Lose":
      return "the subscription is lost"
    case "Subscribe":
      return "the subscription is back"
    case "Heartbeat":
      return "a heartbeat is answered"
    case "Refresh":
      return "somebody asks for a refresh"
    case "ListsFail":
      return `the next ${one.times} lists fail`
    case "ListsSlow":
      return `lists take ${one.millis} ms`
    case "ListLies":
      return `the next ${one.times} lists have only ${one.share * 100} % of the tenants`
    case "ListsWell":
      return "lists are well again"
    case "Wait":
      return `${one.millis} ms pass`
  }
}

/** The history as a story. */
export const tell = ({ auto, initial, slowness, steps }: History): string =>
  [
    `at first: ${initial.map((i) => `t-${i}`).join(", ") || "nobody"}; the subscription ${
      auto ? "is acknowledged at once" : "is not acknowledged"
    }; a reader takes ${slowness} ms a change`,
    ...steps.map((one, i) => `${String(i + 1).padStart(3)}. ${line(one)}`)
  ].join("\n")

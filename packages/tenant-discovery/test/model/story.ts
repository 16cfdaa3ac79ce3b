/**
 * What can happen to a discovery: a start and the steps after it, as plain data that can be
 * kept in `stories.ts`, and their description in words.
 */

/** The tenants are `t-0` to `t-(TENANTS - 1)`. */
export const TENANTS = 10

/** The events of one channel keep their order; between the two channels there is no order. */
export type Channel = "environment" | "tenant"

/** `Twice`: the event is published on both channels. */
export type Delivery = "Once" | "Lost" | "Twice"

/** How a list fails. */
export type Failure =
  | "Outage"
  | "Throttled"
  | "CircuitOpen"
  | "Unauthorized"
  /** The client throws. */
  | "Defect"
  /** No answer until the client's timeout. */
  | "Hangs"

/** Why a list does not have a tenant that is active. */
export type Omission = "Absent" | "Unreadable" | "UnknownStatus" | "InactiveStatus"

export type Step =
  /** The tenant manager changes a tenant and publishes an event. */
  | {
      readonly _tag: "Associate" | "Suspend"
      readonly tenant: number
      readonly channel: Channel
      readonly delivery: Delivery
    }
  /** The tenant is active again; `tenant.activated` does not say for which service. */
  | { readonly _tag: "Activate"; readonly tenant: number }
  | { readonly _tag: "RotateCredentials"; readonly tenant: number }
  /** One tenant is suspended and associated, many times. */
  | { readonly _tag: "Burst"; readonly tenant: number; readonly rounds: number }
  | { readonly _tag: "MalformedMessages" }
  /** The latency from the publisher to the server, for messages from now on. */
  | { readonly _tag: "DelayChannel"; readonly channel: Channel; readonly millis: number }
  /** The latency from the server to the subscriber, heartbeats included. */
  | { readonly _tag: "DelayConnection"; readonly millis: number }
  | { readonly _tag: "RepairBus" }
  | { readonly _tag: "LoseSubscription" }
  | { readonly _tag: "Subscribe" }
  /** The subscription is lost and restored, one millisecond each. */
  | { readonly _tag: "Flap"; readonly times: number }
  | { readonly _tag: "Heartbeat" }
  | { readonly _tag: "Refresh" }
  /** Lists take so long, and have the tenants of the request's or of the answer's moment. */
  | {
      readonly _tag: "DelayLists"
      readonly millis: number
      readonly snapshot: "Request" | "Answer"
    }
  /** The next lists fail, lack active tenants, or are old; the delay comes on top. */
  | { readonly _tag: "FailLists"; readonly failure: Failure; readonly times: number }
  | {
      readonly _tag: "OmitFromLists"
      readonly omission: Omission
      /** The share of the active tenants that the list has: its first or its last ones. */
      readonly share: number
      readonly from: "Start" | "End"
      readonly times: number
    }
  | { readonly _tag: "OutdateLists"; readonly millis: number; readonly times: number }
  /** Every list fails until `RepairLists`. */
  | { readonly _tag: "StopLists" }
  | { readonly _tag: "RepairLists" }
  /** Sets the wall clock; the monotonic clock goes on. */
  | { readonly _tag: "SetClock"; readonly millis: number }
  /** Adds a reader of the changes that takes so long for each. */
  | { readonly _tag: "AddReader"; readonly slowness: number }
  | { readonly _tag: "Wait"; readonly millis: number }

export interface Start {
  readonly initial: ReadonlyArray<number>
  /** Whether the server acknowledges the first subscription at once. */
  readonly acknowledged: boolean
  /** `Failing`: the first list fails. `Slow`: lists take 500 ms until `RepairLists`. */
  readonly firstLists: "Working" | "Failing" | "Slow"
  /** Milliseconds that the slow reader takes for each change. */
  readonly slowness: number
  /** Options of the discovery. */
  readonly resubscribeJitter: number
  readonly removalConfirmations: number
  /** The seed of the discovery's random numbers. */
  readonly seed: number
  /**
   * `Close`: closed while faults last. `Converge`: the faults end and the subscription is
   * restored first. `ConvergeAsIs`: the faults end; the subscription stays as it is.
   */
  readonly ending: "Close" | "Converge" | "ConvergeAsIs"
}

export interface Story {
  readonly start: Start
  readonly steps: ReadonlyArray<Step>
}

const nextLists = (count: number): string =>
  count === 1 ? "the next list" : `the next ${count} lists`

const omissions: Record<Omission, string> = {
  Absent: "lack the others",
  Unreadable: "have the others as unreadable elements",
  UnknownStatus: "have the others under an unknown status",
  InactiveStatus: "have the others as suspended"
}

const deliveries: Record<Delivery, (channel: Channel) => string> = {
  Once: (channel) => `event on the ${channel} channel`,
  Lost: () => "event lost",
  Twice: (channel) => `event on both channels, first on the ${channel} channel`
}

/** A step in words. */
export const describeStep = (step: Step): string => {
  switch (step._tag) {
    case "Associate":
    case "Suspend":
      return `${step._tag} t-${step.tenant}; ${deliveries[step.delivery](step.channel)}`
    case "Activate":
      return `activate t-${step.tenant} (tenant.activated)`
    case "RotateCredentials":
      return `rotate the credentials of t-${step.tenant}`
    case "Burst":
      return `suspend and associate t-${step.tenant} ${step.rounds} times`
    case "MalformedMessages":
      return "publish malformed messages"
    case "DelayChannel":
      return `the ${step.channel} channel delays messages by ${step.millis} ms`
    case "DelayConnection":
      return `the subscriber's connection delays messages by ${step.millis} ms`
    case "RepairBus":
      return "the channels and the connection no longer delay"
    case "LoseSubscription":
      return "the subscription is lost"
    case "Subscribe":
      return "the subscription is acknowledged"
    case "Flap":
      return `the subscription is lost and restored ${step.times} times`
    case "Heartbeat":
      return "the server answers a heartbeat"
    case "Refresh":
      return "a caller refreshes"
    case "DelayLists":
      return `lists take ${step.millis} ms and have the tenants of the ${step.snapshot}'s moment`
    case "FailLists":
      return `${nextLists(step.times)} will fail: ${step.failure}`
    case "OmitFromLists":
      return `${nextLists(step.times)} will have the tenants at the ${step.from}, ${step.share * 100} %, and ${omissions[step.omission]}`
    case "OutdateLists":
      return `${nextLists(step.times)} will be ${step.millis} ms old`
    case "StopLists":
      return "the tenant manager is down"
    case "RepairLists":
      return "lists work again"
    case "SetClock":
      return `the wall clock is set by ${step.millis} ms`
    case "AddReader":
      return `a reader is added that takes ${step.slowness} ms a change`
    case "Wait":
      return `${step.millis} ms pass`
  }
}

const endings: Record<Start["ending"], string> = {
  Close: "the discovery closes while faults last",
  Converge: "the faults end, the subscription is restored, one interval passes",
  ConvergeAsIs: "the faults end, the subscription stays as it is, one interval passes"
}

/** The whole story in words. */
export const describeStory = ({ start, steps }: Story): string =>
  [
    `tenants ${start.initial.map((i) => `t-${i}`).join(", ") || "none"}; first subscription ${
      start.acknowledged ? "acknowledged" : "not acknowledged"
    }; first list ${start.firstLists}; slow reader ${start.slowness} ms; resubscribeJitter ${
      start.resubscribeJitter
    } ms; removalConfirmations ${start.removalConfirmations}`,
    ...steps.map((step, i) => `${String(i + 1).padStart(3)}. ${describeStep(step)}`),
    `end: ${endings[start.ending]}`
  ].join("\n")

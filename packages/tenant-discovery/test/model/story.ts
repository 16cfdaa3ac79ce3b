/**
 * What can happen to a discovery: a start and the steps after it, as plain data that can be
 * kept in `stories.ts`.
 */

/** The tenants are `t-0` to `t-(TENANTS - 1)`. */
export const TENANTS = 10

/** The events of one channel keep their order; between the two channels there is no order. */
export type Channel = "environment" | "tenant"

/** The channels lead to the server, the connection from there to the subscriber. */
export type QueueName = Channel | "connection"

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
export type Omission = "Absent" | "Unreadable" | "UnknownStatus" | "InactiveStatus" | "Incomplete"

/** The tenant manager changes a tenant and publishes an event. */
interface ChangeStep<Tag> {
  readonly _tag: Tag
  readonly tenant: number
  readonly channel: Channel
  readonly delivery: Delivery
}

export type Step =
  | ChangeStep<"Associate">
  | ChangeStep<"Suspend">
  /** The tenant is active again; `tenant.activated` does not say for which service. */
  | { readonly _tag: "Activate"; readonly tenant: number }
  | { readonly _tag: "RotateCredentials"; readonly tenant: number }
  /** One tenant is suspended and associated, many times. */
  | { readonly _tag: "Burst"; readonly tenant: number; readonly rounds: number }
  /** The latency of a queue, for messages from now on. */
  | { readonly _tag: "DelayMessages"; readonly queue: QueueName; readonly millis: number }
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

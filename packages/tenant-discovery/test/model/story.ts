/**
 * What may happen to a discovery: a start and the steps after it as plain data, so
 * that a story can be kept, and how a person reads them.
 */

/** Of the tenants `t-0` to `t-(TENANTS - 1)`. */
export const TENANTS = 10

/** Events of one publisher on one channel keep their order; between the two nothing does. */
export type Channel = "environment" | "tenant"

/** What becomes of an event. */
export type Delivery = "Once" | "Lost" | "Twice"

/** How a list can go wrong without an answer. */
export type Failure =
  | "Outage"
  | "Throttled"
  | "TenantManagerCircuitOpen"
  | "TenantManagerUnauthorized"
  | "Dies"
  | "Hangs"

export type Step =
  /** The tenant manager adds or removes; its event is delivered, lost, or comes on both channels. */
  | {
      readonly _tag: "Associate" | "Suspend"
      readonly tenant: number
      readonly channel: Channel
      readonly delivery: Delivery
    }
  /** `tenant.activated`: the tenant is back, and the event does not say for whom. */
  | { readonly _tag: "Activate"; readonly tenant: number }
  | { readonly _tag: "Rotate"; readonly tenant: number }
  /** One tenant leaves and comes back, again and again. */
  | { readonly _tag: "Burst"; readonly tenant: number; readonly rounds: number }
  | { readonly _tag: "Garbage" }
  /** What is published on the channel from now on takes so long to the server. */
  | { readonly _tag: "ChannelSlow"; readonly channel: Channel; readonly millis: number }
  /** What the server says from now on, heartbeats too, takes so long to the subscriber. */
  | { readonly _tag: "LinkSlow"; readonly millis: number }
  | { readonly _tag: "BusWell" }
  | { readonly _tag: "Lose" }
  | { readonly _tag: "Subscribe" }
  /** The subscription is lost and comes back, a millisecond each. */
  | { readonly _tag: "Flap"; readonly times: number }
  | { readonly _tag: "Heartbeat" }
  | { readonly _tag: "Refresh" }
  /** Lists take so long, and tell what was true when they were asked for, or at the end. */
  | {
      readonly _tag: "ListsSlow"
      readonly millis: number
      readonly snapshot: "Asked" | "Answered"
    }
  /** How the next lists behave; the standing slowness comes on top. */
  | { readonly _tag: "ListsFail"; readonly how: Failure; readonly times: number }
  | {
      readonly _tag: "ListsLack"
      readonly share: number
      readonly from: "Start" | "End"
      readonly times: number
    }
  | { readonly _tag: "ListsOld"; readonly millis: number; readonly times: number }
  /** The tenant manager is away until lists are well again. */
  | { readonly _tag: "ListsDown" }
  | { readonly _tag: "ListsWell" }
  /** The wall clock is set; the monotonic one never is. */
  | { readonly _tag: "SetClock"; readonly millis: number }
  /** Another reader of the changes, who takes so long for each. */
  | { readonly _tag: "Reader"; readonly slowness: number }
  | { readonly _tag: "Wait"; readonly millis: number }

export interface Start {
  readonly initial: ReadonlyArray<number>
  /** Whether the server acknowledges the first subscription at once. */
  readonly acknowledged: boolean
  /** How the first lists are, before any step: away once, or slow until lists are well. */
  readonly firstLists: "Well" | "Away" | "Slow"
  /** How long the slow reader takes for each change. */
  readonly slowness: number
  /** Seeds every jitter of the discovery. */
  readonly jitter: number
  /**
   * `Close`: closed in the middle of it all. `Converge`: the faults stop, and the
   * subscription is back. `ConvergeAsIs`: they stop, and the subscription is as it is.
   */
  readonly ending: "Close" | "Converge" | "ConvergeAsIs"
}

export interface Story {
  readonly start: Start
  readonly steps: ReadonlyArray<Step>
}

const times = (count: number): string => (count === 1 ? "the next list" : `the next ${count} lists`)

const failures: Record<Failure, string> = {
  Outage: "finds the tenant manager away",
  Throttled: "is answered 429 and asked to wait",
  TenantManagerCircuitOpen: "is not sent: the circuit is open",
  TenantManagerUnauthorized: "is answered 401",
  Dies: "kills its client",
  Hangs: "hangs until the client's timeout"
}

/** A step, as a person reads it. */
export const line = (step: Step): string => {
  switch (step._tag) {
    case "Associate":
    case "Suspend": {
      const what = step._tag === "Associate" ? "associates" : "suspends"
      const how = {
        Once: `; the event goes by the ${step.channel} channel`,
        Lost: "; the event is lost",
        Twice: `; the event goes by the ${step.channel} channel, and again by the other one`
      }
      return `the tenant manager ${what} t-${step.tenant}${how[step.delivery]}`
    }
    case "Activate":
      return `the tenant manager activates t-${step.tenant} (tenant.activated)`
    case "Rotate":
      return `the credentials of t-${step.tenant} are rotated`
    case "Burst":
      return `t-${step.tenant} is suspended and associated, ${step.rounds} times over`
    case "Garbage":
      return "garbage is published"
    case "ChannelSlow":
      return `the ${step.channel} channel is ${step.millis} ms late from now on`
    case "LinkSlow":
      return `the link from the server is ${step.millis} ms late from now on`
    case "BusWell":
      return "the channels and the link are well again"
    case "Lose":
      return "the subscription is lost"
    case "Subscribe":
      return "the subscription is acknowledged"
    case "Flap":
      return `the subscription is lost and back again, ${step.times} times over`
    case "Heartbeat":
      return "the server answers a heartbeat"
    case "Refresh":
      return "somebody asks for a refresh"
    case "ListsSlow":
      return `lists take ${step.millis} ms and tell what is true when they are ${
        step.snapshot === "Asked" ? "asked for" : "answered"
      }`
    case "ListsFail":
      return `${times(step.times)} ${failures[step.how]}`
    case "ListsLack":
      return step.share === 0
        ? `${times(step.times)} will be empty`
        : `${times(step.times)} will have only the ${
            step.from === "Start" ? "first" : "last"
          } ${step.share * 100} % of the tenants`
    case "ListsOld":
      return `${times(step.times)} will tell what was true ${step.millis} ms before`
    case "ListsDown":
      return "the tenant manager goes away"
    case "ListsWell":
      return "lists are well again"
    case "SetClock":
      return `the wall clock is set ${step.millis < 0 ? "back" : "ahead"} by ${Math.abs(step.millis)} ms`
    case "Reader":
      return `another reader comes, who takes ${step.slowness} ms a change`
    case "Wait":
      return `${step.millis} ms pass`
  }
}

const firstLists = {
  Well: "",
  Away: "; the first list finds the tenant manager away",
  Slow: "; lists take 500 ms"
}

const endings = {
  Close: "the discovery is closed in the middle of it",
  Converge: "the faults stop, the subscription is back, and one interval passes",
  ConvergeAsIs: "the faults stop, the subscription stays as it is, and one interval passes"
}

/** The whole of it, as a person reads it. */
export const tell = ({ start, steps }: Story): string =>
  [
    `at first: ${start.initial.map((i) => `t-${i}`).join(", ") || "nobody"}; the subscription ${
      start.acknowledged ? "is acknowledged at once" : "is not acknowledged"
    }${firstLists[start.firstLists]}; a reader takes ${start.slowness} ms a change`,
    ...steps.map((step, i) => `${String(i + 1).padStart(3)}. ${line(step)}`),
    `  in the end ${endings[start.ending]}`
  ].join("\n")

/**
 * The mailbox of the listener, and the sink that fills it. Messages that wait are bounded in
 * number and in characters. A message that does not fit is dropped; `Lost(Overflow)` and
 * `Subscribed` follow, so that a list closes the gap. Control inputs are never dropped: each
 * source bounds their number.
 */
import { Array, Effect, Mailbox } from "effect"
import type { LostCause, SignalSink } from "../../TenantEvents.js"
import { makePrefilter } from "../event/decode.js"
import {
  type AppliedEvent,
  type LogLine,
  makeEventReader,
  type Outcome,
  type RawMessage
} from "../event/eventReader.js"
import type { DiscoverySettings } from "./settings.js"
import type { Input } from "./state.js"

/** A message, or a control input. */
export type Arrival = ({ readonly _tag: "Message" } & RawMessage) | Input

/** The arrivals that the listener processes without a pause; then other fibers and timers run. */
export type Turn = ReadonlyArray<Arrival>

/** The maximum number of arrivals in a turn. */
const TURN = 512

export interface Inputs {
  readonly sink: SignalSink
  /** Waits for the first `Subscribed` or `Lost`. */
  readonly firstSignal: Effect.Effect<void>
  /** Adds a control input; `false` once closed. */
  readonly offer: (input: Input) => boolean
  /** Waits for an arrival, then takes all arrivals. */
  readonly take: Effect.Effect<ReadonlyArray<Turn>>
  /** Takes all arrivals, without waiting. */
  readonly takeWaiting: Effect.Effect<ReadonlyArray<Turn>>
  /** How many messages of other services were dropped since the last call. */
  readonly takeIgnored: () => number
  readonly close: Effect.Effect<void>
}

type Limits = Pick<DiscoverySettings, "bufferMessages" | "bufferCharacters">

const overflow = ({ bufferCharacters, bufferMessages }: Limits): LostCause => ({
  _tag: "Overflow",
  message:
    `more than ${bufferMessages} messages or ${bufferCharacters} characters waited; ` +
    "dropping messages and relisting"
})

export const makeInputs = (service: string, limits: Limits): Effect.Effect<Inputs> =>
  Effect.map(Mailbox.make<Arrival>(), (mailbox) => {
    const firstSignal = Effect.unsafeMakeLatch(false)
    const mayConcern = makePrefilter(service)
    let messages = 0
    let characters = 0
    let overflowed = false
    let ignored = 0

    const offer = (input: Input): boolean => mailbox.unsafeOffer(input)

    const taken = (all: Iterable<Arrival>): ReadonlyArray<Turn> => {
      messages = 0
      characters = 0
      overflowed = false
      return Array.chunksOf(all, TURN)
    }

    const message = (raw: string, channel = ""): void => {
      if (!mayConcern(raw)) {
        ignored++
        return
      }
      if (messages >= limits.bufferMessages || characters + raw.length > limits.bufferCharacters) {
        if (overflowed) return
        overflowed = true
        offer({ _tag: "Lost", cause: overflow(limits) })
        offer({ _tag: "Subscribed" })
        return
      }
      if (overflowed) return
      messages++
      characters += raw.length
      mailbox.unsafeOffer({ _tag: "Message", raw, channel })
    }

    return {
      offer,
      firstSignal: firstSignal.await,
      sink: {
        subscribed: () => {
          offer({ _tag: "Subscribed" })
          firstSignal.unsafeOpen()
        },
        lost: (cause) => {
          offer({ _tag: "Lost", cause })
          firstSignal.unsafeOpen()
        },
        alive: (sentAt) => {
          offer({ _tag: "Alive", sentAt })
        },
        message
      },
      take: Effect.map(mailbox.takeAll, ([all]) => taken(all)),
      takeWaiting: Effect.map(mailbox.clear, taken),
      takeIgnored: () => {
        const count = ignored
        ignored = 0
        return count
      },
      close: mailbox.shutdown
    }
  })

/** What was read from the arrivals of a turn. */
export interface ReadTurn {
  /** In the order of arrival. Events in a row are one input. */
  readonly inputs: ReadonlyArray<Input>
  /** One for each message. */
  readonly outcomes: ReadonlyArray<Outcome>
  /** At most 8, so that many bad messages do not fill the log. */
  readonly logs: ReadonlyArray<LogLine>
}

const MAX_LOGS = 8

/** Reads the messages of each turn. It never throws: only a message that cannot be read is lost. */
export const makeTurnReader = (
  options: Parameters<typeof makeEventReader>[0]
): ((turn: Turn) => ReadTurn) => {
  const readMessage = makeEventReader(options)
  return (turn) => {
    const inputs: Array<Input> = []
    const outcomes: Array<Outcome> = []
    const logs: Array<LogLine> = []
    let events: Array<AppliedEvent> | undefined
    for (const arrival of turn) {
      if (arrival._tag !== "Message") {
        inputs.push(arrival)
        events = undefined
        continue
      }
      const { event, log, outcome } = readMessage(arrival)
      outcomes.push(outcome)
      if (log !== undefined && logs.length < MAX_LOGS) logs.push(log)
      if (event === undefined) continue
      if (events === undefined) inputs.push({ _tag: "Events", events: (events = []) })
      events.push(event)
    }
    return { inputs, outcomes, logs }
  }
}

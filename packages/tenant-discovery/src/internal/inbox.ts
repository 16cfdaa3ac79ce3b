/**
 * The loop's mailbox, and the sink of its subscription: filled by callbacks,
 * emptied by one who takes whatever is there.
 *
 * Signals and the loop's own inputs keep their order; messages in a row become one
 * batch. What waits is bounded in messages and in characters: past that the
 * messages are let go and a `Lost(Overflow)` says so, which a list makes good.
 */
import { Effect } from "effect"
import type { LostCause, Signal, SignalSink } from "../TenantEvents.js"

export interface InboxLimits {
  readonly messages: number
  readonly characters: number
}

type Messages = { readonly _tag: "Messages"; readonly messages: Array<string> }

const everything = (): boolean => true

const overflow = (limits: InboxLimits): LostCause => ({
  _tag: "Overflow",
  message:
    `more than ${limits.messages} messages or ${limits.characters} characters waited: ` +
    "they were let go, and a list makes it good"
})

export class Inbox<Own extends { readonly _tag: string }> implements SignalSink {
  private items: Array<Signal | Own> = []
  private open: Messages | undefined
  private messages = 0
  private characters = 0
  private wake: (() => void) | undefined
  private listener: (() => void) | undefined
  private called = false
  /** The end of the last overflow that was told. */
  private overflowed: Signal | undefined

  /**
   * `admit`: which messages are worth keeping. What it refuses is gone: it takes no room,
   * is nobody's work, and its text dies young, which is half of what a foreign message costs.
   */
  constructor(
    private readonly limits: InboxLimits,
    private readonly admit: (raw: string) => boolean = everything
  ) {}

  subscribed = (): void => {
    this.put({ _tag: "Subscribed" })
  }

  alive = (sentAt: bigint): void => {
    this.put({ _tag: "Alive", sentAt })
  }

  lost = (cause: LostCause): void => {
    this.put({ _tag: "Lost", cause })
  }

  message = (raw: string): void => {
    if (!this.admit(raw)) return
    this.messages++
    this.characters += raw.length
    if (this.messages > this.limits.messages || this.characters > this.limits.characters) {
      this.letGo()
    } else if (this.open === undefined) {
      this.open = { _tag: "Messages", messages: [raw] }
      this.items.push(this.open)
    } else {
      this.open.messages.push(raw)
    }
    this.signal()
  }

  put(item: Signal | Own): void {
    this.open = undefined
    this.items.push(item)
    this.signal()
  }

  /** Waits until there is something, and leaves it there. One waits at a time. */
  readonly notEmpty: Effect.Effect<void> = Effect.suspend(() =>
    this.items.length > 0 ? Effect.void : this.filled
  )

  private readonly filled = Effect.async<void>((resume) => {
    this.wake = () => resume(Effect.void)
    return Effect.sync(() => {
      this.wake = undefined
    })
  })

  /** Calls `listener` now and then: once each time that something is there which was not drained. */
  listen(listener: () => void): void {
    this.listener = listener
    if (this.items.length > 0) this.signal()
  }

  /** Everything that is there, oldest first, without waiting. */
  drain(): ReadonlyArray<Signal | Own> {
    const { items } = this
    this.called = false
    this.items = []
    this.open = undefined
    this.messages = 0
    this.characters = 0
    return items
  }

  private letGo(): void {
    // An answered heartbeat says that all that came before it has been applied: no more.
    const kept = this.items.filter((item) => item._tag !== "Messages" && item._tag !== "Alive")
    // However long nobody takes, one gap is told once.
    if (this.overflowed !== kept.at(-1) || this.overflowed === undefined) {
      this.overflowed = { _tag: "Subscribed" }
      kept.push({ _tag: "Lost", cause: overflow(this.limits) }, this.overflowed)
    }
    this.items = kept
    this.open = undefined
    this.messages = 0
    this.characters = 0
  }

  private signal(): void {
    const { listener, wake } = this
    if (wake !== undefined) {
      this.wake = undefined
      wake()
    }
    if (listener === undefined || this.called) return
    this.called = true
    listener()
  }
}

/** What a subscription tells, and whom. */

/**
 * Why a subscription ended, or never began. `message` is for people and holds
 * no secret; `Overflow` means that messages came faster than they were taken
 * and some were let go: the subscription itself goes on.
 */
export type LostCause =
  | { readonly _tag: "ConnectFailed"; readonly message: string }
  | { readonly _tag: "ConnectionLost"; readonly message: string }
  | { readonly _tag: "HeartbeatTimedOut"; readonly message: string }
  | { readonly _tag: "SubscribeFailed"; readonly message: string }
  | { readonly _tag: "Overflow"; readonly message: string }

/**
 * What a subscription tells, in the order in which it happened:
 *
 * - `Subscribed`: the server acknowledged. Whatever is published from here on
 *   arrives, until `Lost`. What was published before may be missing.
 * - `Messages`: raw messages, oldest first.
 * - `Alive`: the server answered a heartbeat that was sent at `sentAt`, on the
 *   subscription's own connection: whatever it published before then has arrived.
 * - `Lost`: messages may be missing from here on, until the next `Subscribed`.
 *   Again, before that, where what keeps it from coming back is something else.
 */
export type Signal =
  | { readonly _tag: "Subscribed" }
  | { readonly _tag: "Messages"; readonly messages: ReadonlyArray<string> }
  | { readonly _tag: "Alive"; readonly sentAt: bigint }
  | { readonly _tag: "Lost"; readonly cause: LostCause }

/**
 * Where a subscription delivers, synchronously and in order. None of these
 * throws or blocks. A sink bounds what it keeps by itself, and lets go with a
 * `Lost(Overflow)` followed by a `Subscribed` of its own.
 */
export interface SignalSink {
  /**
   * For adapters that hold many messages in one piece: what it does not want need not be
   * cut out and told. Nobody has to ask.
   */
  readonly sieve?: MessageSieve | undefined
  /** The server acknowledged the subscription. */
  readonly subscribed: () => void
  /** One raw message; `sifted` where the sieve has been asked, and wanted it. */
  readonly message: (raw: string, sifted?: boolean) => void
  /** `sentAt`: `Clock.currentTimeNanos` when the answered heartbeat was sent. */
  readonly alive: (sentAt: bigint) => void
  readonly lost: (cause: LostCause) => void
}

/** Says of the parts of a text, asked for from left to right, which are wanted. */
export interface MessageSieve {
  /** The text from now on: a character for each byte of UTF-8, as in Latin-1. An empty one at the end. */
  readonly begin: (bytes: string) => void
  /** Whether the message that stands there, `to` excluded, is wanted; one that is not counts as received. */
  readonly wanted: (from: number, to: number) => boolean
}

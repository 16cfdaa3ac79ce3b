/**
 * The event edge: a subscription to the events that the tenant manager publishes.
 */
import { Context, type Effect, type Scope } from "effect"

/**
 * Why a subscription ended or never began. `message` is for people and holds no secret.
 *
 * - `Overflow`: messages came faster than the listener took them, and some were dropped. The
 *   subscription itself goes on.
 */
export type LostCause =
  | { readonly _tag: "ConnectFailed"; readonly message: string }
  | { readonly _tag: "ConnectionLost"; readonly message: string }
  | { readonly _tag: "HeartbeatTimedOut"; readonly message: string }
  | { readonly _tag: "SubscribeFailed"; readonly message: string }
  | { readonly _tag: "Overflow"; readonly message: string }

/**
 * What receives the signals of a subscription, in the order in which they happen. The adapter
 * calls it synchronously; it neither blocks nor throws.
 */
export interface SignalSink {
  /** The server acknowledged the subscription: from here on nothing is missed. */
  readonly subscribed: () => void
  /** One message, and the channel that carried it. */
  readonly message: (raw: string, channel?: string) => void
  /** The server answered a heartbeat that was sent then, in monotonic nanoseconds. */
  readonly alive: (sentAt: bigint) => void
  /** There is no subscription any more, or there is none yet. */
  readonly lost: (cause: LostCause) => void
}

/** The subscription to tenant events. An adapter such as `RedisTenantEvents` provides it. */
export class TenantEvents extends Context.Tag("tenant-discovery/TenantEvents")<
  TenantEvents,
  {
    /**
     * Starts a subscription that lives until the scope closes. It connects, subscribes, detects
     * a loss and starts again, with a backoff and without end.
     *
     * Returns at once. The first signal is `subscribed` or `lost`, within the adapter's connect
     * timeout. No signal follows the close of the scope, which is bounded even if the server
     * hangs.
     */
    readonly subscribe: (sink: SignalSink) => Effect.Effect<void, never, Scope.Scope>
  }
>() {}

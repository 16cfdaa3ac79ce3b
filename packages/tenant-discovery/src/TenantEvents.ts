/**
 * The subscription to what the tenant manager publishes, whatever transport carries it.
 */
import { Context, type Effect, type Scope } from "effect"

/**
 * Why a subscription ended, or could not start. `message` is for people and holds no secret.
 *
 * - `ConnectFailed`: no connection, or refused credentials.
 * - `SubscribeFailed`: connected, but SUBSCRIBE was refused or not acknowledged in time.
 * - `ConnectionLost`: an established subscription ended, or the server answered a heartbeat with
 *   an error that does not prove delivery.
 * - `HeartbeatTimedOut`: an established subscription did not answer a heartbeat in time.
 * - `Overflow`: messages arrived faster than the receiver took them, and some were dropped; the
 *   subscription itself continues.
 */
export type LostCause =
  | { readonly _tag: "ConnectFailed"; readonly message: string }
  | { readonly _tag: "ConnectionLost"; readonly message: string }
  | { readonly _tag: "HeartbeatTimedOut"; readonly message: string }
  | { readonly _tag: "SubscribeFailed"; readonly message: string }
  | { readonly _tag: "Overflow"; readonly message: string }

/**
 * Receives a subscription's signals, synchronously and in the order in which they happen. No
 * method may block. A method that throws ends the connection; the adapter reports the defect and
 * subscribes again.
 */
export interface SignalSink {
  /**
   * The server acknowledged the subscription. Everything published from here on arrives, until
   * `lost`. What was published before may be missing.
   */
  subscribed(): void
  /** One raw message, and the channel that carried it. */
  message(raw: string, channel?: string): void
  /**
   * The server answered a heartbeat on the subscription's own connection: everything it published
   * before `sentAt` (`Clock.currentTimeNanos` when the heartbeat was sent) has arrived.
   */
  alive(sentAt: bigint): void
  /**
   * Messages may be missing from here on, until the next `subscribed`. Called again before that
   * when the reason that prevents a new subscription changes.
   */
  lost(cause: LostCause): void
}

/** The subscription to tenant events, provided by an adapter such as `RedisTenantEvents`. */
export class TenantEvents extends Context.Tag("tenant-discovery/TenantEvents")<
  TenantEvents,
  {
    /**
     * Starts a subscription that lives until the scope closes. The adapter connects, subscribes,
     * detects a loss, and subscribes again with its own backoff, without end.
     *
     * Returns at once, without waiting for the first `subscribed` or `lost`; one of the two
     * always follows within the adapter's connect timeout. The sink receives nothing after the
     * scope has closed. Closing is bounded even when the server hangs.
     */
    readonly subscribe: (sink: SignalSink) => Effect.Effect<void, never, Scope.Scope>
  }
>() {}

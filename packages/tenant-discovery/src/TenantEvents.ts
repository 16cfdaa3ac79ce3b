/**
 * The event side of the house: a subscription to what the tenant manager
 * publishes, whatever carries it.
 */
import { Chunk, Context, Effect, type Scope, Stream } from "effect"
import { Inbox } from "./internal/inbox.js"
import type { Signal, SignalSink } from "./internal/signals.js"
import { defaultDiscoveryOptions } from "./TenantDiscoveryOptions.js"

export type { LostCause, MessageSieve, Signal, SignalSink } from "./internal/signals.js"

/** The subscription to tenant events, provided by an adapter such as `RedisTenantEvents`. */
export class TenantEvents extends Context.Tag("tenant-discovery/TenantEvents")<
  TenantEvents,
  {
    /**
     * Starts a subscription of its own that lives until the scope closes, and
     * keeps it up: it connects, subscribes, notices when it is lost, and starts
     * again with a backoff of its own, for ever.
     *
     * Returns at once, without waiting for the first `Subscribed` or `Lost`; one
     * of the two always comes, within the adapter's connect timeout. The sink is
     * told nothing after the scope closed, and the close is bounded even when the
     * server hangs.
     */
    readonly subscribe: (sink: SignalSink) => Effect.Effect<void, never, Scope.Scope>
  }
>() {
  /**
   * A subscription of its own as a stream: it begins when the stream is run and ends
   * with it. What waits for a slow reader is bounded; past it the messages are let
   * go, and `Lost(Overflow)` and `Subscribed` say so. Messages in a row are one batch.
   */
  static readonly signals: Stream.Stream<Signal, never, TenantEvents> = Stream.unwrapScoped(
    Effect.gen(function* () {
      const { subscribe } = yield* TenantEvents
      const { bufferCharacters, bufferMessages } = defaultDiscoveryOptions
      const inbox = new Inbox<Signal>({ messages: bufferMessages, characters: bufferCharacters })
      yield* subscribe(inbox)
      return Stream.repeatEffectChunk(
        Effect.map(inbox.notEmpty, () => Chunk.unsafeFromArray(inbox.drain()))
      )
    })
  )
}

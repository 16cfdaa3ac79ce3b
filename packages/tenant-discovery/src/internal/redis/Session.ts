/**
 * One connection's life: connect, subscribe, deliver, end. It never starts again; whoever
 * wants another makes another.
 */
import { Deferred, Effect, FiberId } from "effect"
import type { LostCause, SignalSink } from "../../TenantEvents.js"
import type { SubscriberConnection, SubscriberListener } from "./connection.js"
import {
  type Circumstances,
  explain,
  explainSilence,
  isAuthFailure,
  isGeneric,
  isReply
} from "./explain.js"

/** Which channel, or which pattern of channels. */
export type Channel =
  | { readonly _tag: "Exact"; readonly channel: string }
  | { readonly _tag: "Pattern"; readonly pattern: string }

/** What a session knows about where it connects to. */
export interface Place {
  readonly channel: Channel
  /** Such as `Redis at host:6379`. */
  readonly server: string
  /** Whether it speaks TLS, where that is known before there is a socket. */
  readonly tls: boolean | undefined
  readonly secrets: ReadonlyArray<string>
}

const ignore = (): void => {}

/**
 * Callbacks of ioredis come in, synchronous calls of the sink go out. The first thing
 * that ends the session is the one that is told; what comes after `dispose` is not.
 */
export class Session {
  readonly #ended = Deferred.unsafeMake<never, LostCause>(FiberId.none)
  readonly #acknowledged = Deferred.unsafeMake<void>(FiberId.none)
  readonly #listeners: ReadonlyArray<readonly [event: string, listener: SubscriberListener]>
  #phase: "Connecting" | "Subscribing" | "Subscribed" = "Connecting"
  #lastError: unknown = undefined
  #over = false
  #disposed = false

  readonly #connection: SubscriberConnection
  readonly #place: Place
  readonly #sink: SignalSink

  /** Attaches the listeners, so that nothing is missed; connects nothing yet. */
  constructor(connection: SubscriberConnection, place: Place, sink: SignalSink) {
    this.#connection = connection
    this.#place = place
    this.#sink = sink
    const closed = () => this.#fail(undefined)
    this.#listeners = [
      place.channel._tag === "Exact"
        ? ["message", (channel: string, raw: string) => this.#deliver(raw, channel)]
        : [
            "pmessage",
            (_pattern: string, channel: string, raw: string) => this.#deliver(raw, channel)
          ],
      ["ready", () => this.#subscribe()],
      ["error", (error: unknown) => this.#erred(error)],
      ["close", closed],
      ["end", closed],
      // A cluster moves its subscription to another node and says no more than this. While it
      // connects, it is how the nodes it was given make place for those they name.
      ["-node", () => (this.#phase === "Subscribed" ? closed() : undefined)]
    ]
    for (const [event, listener] of this.#listeners) connection.on(event, listener)
  }

  /** Fails when the session ends, with why. Dies with what the sink threw. */
  readonly ended: Effect.Effect<never, LostCause> = Deferred.await(this.#ended)

  /** Succeeds when the server acknowledged the subscription. */
  readonly acknowledged: Effect.Effect<void> = Deferred.await(this.#acknowledged)

  /** Connects and subscribes. How that went comes by `acknowledged` and `ended`. */
  start(): void {
    // A disposed connection would come to life again.
    if (this.#disposed) return
    const status = this.#connection.status
    try {
      if (status === "ready") {
        this.#subscribe()
      } else if (status === "wait" || status === "end" || status === "close") {
        this.#connection.connect().then(ignore, (error: unknown) => this.#fail(error))
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  /**
   * Asks the server for an answer on the subscription's own connection. The sink is told
   * `alive(sentAt)` as soon as it comes.
   */
  beat(sentAt: bigint): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      const answered = () => {
        if (this.#disposed || this.#over) return
        try {
          this.#sink.alive(sentAt)
        } catch (defect) {
          this.#die(defect)
        }
        resume(Effect.void)
      }
      if (this.#disposed) return
      const refused = (error: unknown) => (isReply(error) ? answered() : this.#fail(error))
      try {
        // A cluster sends a PING to any node. A repeated SUBSCRIBE changes nothing, and goes
        // where the subscription is.
        const reply =
          this.#connection.isCluster === true ? this.#request() : this.#connection.ping()
        reply.then(answered, refused)
      } catch (error) {
        this.#fail(error)
      }
    })
  }

  /** Why the server is given up when it has not acknowledged in time. */
  late(within: string): LostCause {
    const what = this.#phase === "Connecting" ? "accept the connection" : "acknowledge SUBSCRIBE"
    const hint =
      this.#lastError === undefined
        ? this.#phase === "Connecting" && this.#connection.stream?.connecting === false
          ? explainSilence(this.#circumstances())
          : undefined
        : explain(this.#lastError, this.#circumstances())
    const because = hint === undefined ? "" : `: ${hint}`
    return {
      _tag: this.#phase === "Connecting" ? "ConnectFailed" : "SubscribeFailed",
      message: `${this.#place.server} did not ${what} within ${within}${because}`
    }
  }

  /**
   * Ends it: no listener, no socket, no timer remains, and the sink is told nothing more.
   * Never waits for the server.
   */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    const connection = this.#connection
    // An `error` nobody listens to would be printed or thrown.
    connection.on("error", ignore)
    for (const [event, listener] of this.#listeners) connection.removeListener(event, listener)
    try {
      const stream = connection.stream
      // On a connection that has ended it would only leave a timer behind.
      if (connection.status !== "end") connection.disconnect()
      // `disconnect` waits for the server to close its side too; one that hangs does not.
      stream?.destroy()
    } catch {
      // Whatever it was, the connection is of no more use.
    }
  }

  #deliver(raw: string, channel: string): void {
    try {
      // A message and the acknowledgement before it may arrive in one piece, and then the
      // promise of the latter is settled after this call.
      if (this.#phase !== "Subscribed") this.#acknowledge()
      this.#sink.message(raw, channel)
    } catch (defect) {
      this.#die(defect)
    }
  }

  #subscribe(): void {
    if (this.#over || this.#disposed || this.#phase !== "Connecting") return
    this.#phase = "Subscribing"
    try {
      this.#request().then(
        () => this.#acknowledge(),
        (error: unknown) => this.#fail(error)
      )
    } catch (error) {
      this.#fail(error)
    }
  }

  #request(): Promise<unknown> {
    const channel = this.#place.channel
    return channel._tag === "Exact"
      ? this.#connection.subscribe(channel.channel)
      : this.#connection.psubscribe(channel.pattern)
  }

  #acknowledge(): void {
    if (this.#over || this.#disposed || this.#phase !== "Subscribing") return
    this.#phase = "Subscribed"
    this.#lastError = undefined
    try {
      this.#sink.subscribed()
    } catch (defect) {
      this.#die(defect)
      return
    }
    Deferred.unsafeDone(this.#acknowledged, Effect.void)
  }

  #erred(error: unknown): void {
    this.#lastError = error
    // Before, an error may be one of several addresses, and `close` follows where it is final.
    if (this.#phase === "Subscribed") this.#fail(error)
  }

  #fail(error: unknown): void {
    if (this.#over || this.#disposed) return
    this.#over = true
    const reason = isGeneric(error) ? this.#lastError : error
    Deferred.unsafeDone(this.#ended, Effect.fail(this.#causeOf(reason)))
  }

  #die(defect: unknown): void {
    if (this.#over || this.#disposed) return
    this.#over = true
    this.dispose()
    Deferred.unsafeDone(this.#ended, Effect.die(defect))
  }

  #causeOf(reason: unknown): LostCause {
    const server = this.#place.server
    const explained = explain(reason, this.#circumstances())
    if (this.#phase === "Subscribed") {
      return { _tag: "ConnectionLost", message: `lost the connection to ${server}: ${explained}` }
    }
    if (this.#phase === "Subscribing" && isReply(reason) && !isAuthFailure(reason)) {
      const channel = nameOf(this.#place.channel)
      return {
        _tag: "SubscribeFailed",
        message: `${server} refused SUBSCRIBE ${channel}: ${explained}`
      }
    }
    return { _tag: "ConnectFailed", message: `cannot connect to ${server}: ${explained}` }
  }

  #circumstances(): Circumstances {
    const known = circumstancesOf(this.#place)
    // A factory's connection tells by its socket, once there is one.
    const stream = this.#connection.stream
    const tls = known.tls ?? (stream ? stream.encrypted === true : undefined)
    return { ...known, tls, answered: this.#phase === "Subscribed" }
  }
}

/** What is known of a place before there is a connection. */
export const circumstancesOf = (place: Place): Circumstances => ({
  server: place.server,
  channel: nameOf(place.channel),
  tls: place.tls,
  answered: false,
  secrets: place.secrets
})

/** The channel or the pattern, as Redis spells it. */
export const nameOf = (channel: Channel): string =>
  channel._tag === "Exact" ? channel.channel : channel.pattern

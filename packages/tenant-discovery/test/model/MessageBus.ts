/**
 * The way of an event: by a channel from its publisher to the server, then over the
 * connection to the subscriber. Each is in order; a lost connection loses what is on it.
 */
import { Effect } from "effect"
import type { SignalSink, TenantEvents } from "../../src/index.js"
import type { Model } from "./Model.js"
import type { Channel, QueueName } from "./story.js"
import type { VirtualTime } from "./VirtualTime.js"

/** What is sent later arrives no earlier. */
class Queue {
  waiting = 0
  private last = 0

  constructor(
    private readonly time: VirtualTime,
    public latency = 0
  ) {}

  /** Calls `arrive` at once where nothing delays it. */
  send(arrive: () => void): void {
    const at = Math.max(this.waiting > 0 ? this.last : 0, this.time.now + this.latency)
    if (at <= this.time.now && this.waiting === 0) return arrive()
    this.last = at
    this.waiting++
    this.time.at(at, () => {
      this.waiting--
      arrive()
    })
  }
}

export interface Message {
  /** It reached the server while the subscriber is subscribed. */
  readonly sent?: () => void
  readonly arrived: () => void
}

export class MessageBus {
  /** The subscriptions whose scope is open. */
  readonly sinks = new Set<SignalSink>()
  /** The event side of the discovery. */
  readonly events: TenantEvents["Type"]
  private readonly queues: Record<QueueName, Queue>
  private lastSink: SignalSink | undefined

  constructor(
    private readonly model: Model,
    private readonly time: VirtualTime
  ) {
    const [environment, tenant, connection] = [new Queue(time), new Queue(time), new Queue(time)]
    this.queues = { environment, tenant, connection }
    const open = (sink: SignalSink): void => {
      this.sinks.add(sink)
      this.lastSink = sink
      if (model.subscribed) sink.subscribed()
    }
    this.events = {
      subscribe: (sink) =>
        Effect.acquireRelease(
          Effect.sync(() => open(sink)),
          () => Effect.sync(() => this.sinks.delete(sink))
        )
    }
  }

  /** Nothing is under way. */
  get idle(): boolean {
    return Object.values(this.queues).every(({ waiting }) => waiting === 0)
  }

  /** Calls the sinks, and lets the discovery handle it. */
  signal(call: (sink: SignalSink) => void): void {
    for (const sink of this.sinks) call(sink)
    this.time.settle()
  }

  /** Whether the message has reached the server when this returns. */
  publish(channel: Channel, message: Message): boolean {
    let reached = false
    this.queues[channel].send(() => {
      reached = true
      this.send(message)
    })
    return reached
  }

  /** From the server to the subscriber. Redis keeps nothing for an absent one. */
  send(message: Message): void {
    if (!this.model.subscribed) return
    message.sent?.()
    const { connection } = this.queues
    connection.send(() => {
      if (this.queues.connection === connection && this.model.subscribed) message.arrived()
    })
  }

  subscribe(): void {
    if (this.model.subscribed) return
    this.model.subscribe()
    this.signal((sink) => sink.subscribed())
  }

  lose(): void {
    this.queues.connection = new Queue(this.time, this.queues.connection.latency)
    if (this.model.connection === "Lost") return
    this.model.lose()
    this.signal((sink) => sink.lost({ _tag: "ConnectionLost", message: "connection closed" }))
  }

  delay(queue: QueueName, millis: number): void {
    this.queues[queue].latency = millis
  }

  repair(): void {
    for (const queue of Object.values(this.queues)) queue.latency = 0
  }

  /** An adapter that breaks its promise and signals after the close. */
  signalAfterClose(): void {
    this.lastSink?.message('{"event_type":"tenant.suspended","tenant_id":"t-0"}')
    this.lastSink?.lost({ _tag: "ConnectionLost", message: "connection closed" })
    this.lastSink?.subscribed()
    this.time.settle()
  }
}

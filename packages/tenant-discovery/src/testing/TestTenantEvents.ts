/**
 * A test double of `TenantEvents`: a subscription that the test controls.
 */
import {
  Clock,
  Context,
  type Duration,
  Effect,
  Layer,
  Schema,
  type Scope,
  Stream,
  SubscriptionRef
} from "effect"
import { decodeOptions, duration, withDefault } from "../internal/options.js"
import { type LostCause, type SignalSink, TenantEvents } from "../TenantEvents.js"
import type { ContractEvent } from "./TestEvent.js"

export interface TestTenantEventsOptions {
  /**
   * `true`: a subscription is acknowledged as soon as it starts. `false`: it receives no signal
   * until the test sends one. Default: `true`.
   */
  readonly auto?: boolean | undefined
  /**
   * How often a subscription that is acknowledged answers a heartbeat, by the test's clock.
   * `Duration.infinity`: only when the test calls `alive`. Default: 15 s, as over Redis.
   */
  readonly heartbeatInterval?: Duration.DurationInput | undefined
}

/** The defaults of {@link TestTenantEventsOptions}; durations are in milliseconds. */
export const testTenantEventsDefaults = { auto: true, heartbeatInterval: 15_000 } as const

/** Plays the server. Each effect completes when every sink has received the signal. */
export interface TestTenantEventsControls {
  /**
   * Acknowledges every subscription: what is sent from here on arrives. No effect on one that is
   * acknowledged already.
   */
  readonly subscribed: Effect.Effect<void>
  /**
   * Publishes messages, in order: an event of the contract, any other value as its JSON, or a
   * string as it is. A subscription that is not acknowledged misses them, as with Redis.
   */
  readonly send: (
    ...messages: ReadonlyArray<ContractEvent | string | object>
  ) => Effect.Effect<void>
  /**
   * Loses every subscription, until `subscribed`. Before the first `subscribed` it is a failed
   * attempt. On one that is lost already, a given cause is reported again, and without a cause
   * nothing happens.
   */
  readonly lose: (cause?: LostCause) => Effect.Effect<void>
  /** Answers a heartbeat that was sent now. */
  readonly alive: Effect.Effect<void>
  /** Answers a heartbeat that was sent at `sentAt`, by `Clock.currentTimeNanos`. */
  readonly aliveSentAt: (sentAt: bigint) => Effect.Effect<void>
  /** The number of subscriptions whose scope is open. */
  readonly subscriptions: Effect.Effect<number>
  /** Completes as soon as there is a subscription. */
  readonly awaitSubscription: Effect.Effect<void>
}

interface Subscription {
  readonly sink: SignalSink
  condition: "Silent" | "Subscribed" | "Lost"
}

const connectionLost: LostCause = { _tag: "ConnectionLost", message: "the connection was closed" }
const connectFailed: LostCause = { _tag: "ConnectFailed", message: "connection refused" }

const Options = Schema.Struct({
  auto: withDefault(Schema.Boolean, testTenantEventsDefaults.auto),
  heartbeatInterval: withDefault(
    duration({ infinity: true }),
    testTenantEventsDefaults.heartbeatInterval
  )
})

const textOf = (message: ContractEvent | string | object): string =>
  typeof message === "string" ? message : JSON.stringify(message)

const acknowledge = (subscription: Subscription): void => {
  if (subscription.condition === "Subscribed") return
  subscription.condition = "Subscribed"
  subscription.sink.subscribed()
}

const answer =
  (sentAt: bigint) =>
  ({ condition, sink }: Subscription): void => {
    if (condition === "Subscribed") sink.alive(sentAt)
  }

const make = ({ auto, heartbeatInterval }: typeof Options.Type) =>
  Effect.map(SubscriptionRef.make<ReadonlyArray<Subscription>>([]), (ref) => {
    const each = (signal: (subscription: Subscription) => void): Effect.Effect<void> =>
      Effect.map(SubscriptionRef.get(ref), (subscriptions) => {
        subscriptions.forEach(signal)
      })

    const subscribe = (sink: SignalSink): Effect.Effect<void, never, Scope.Scope> =>
      Effect.gen(function* () {
        const subscription: Subscription = { sink, condition: "Silent" }
        yield* Effect.acquireRelease(
          SubscriptionRef.update(ref, (all) => [...all, subscription]),
          () => SubscriptionRef.update(ref, (all) => all.filter((one) => one !== subscription))
        )
        if (auto) acknowledge(subscription)
        yield* Effect.sleep(heartbeatInterval).pipe(
          Effect.zipRight(Clock.currentTimeNanos),
          Effect.map((sentAt) => answer(sentAt)(subscription)),
          Effect.forever,
          Effect.interruptible,
          Effect.forkScoped
        )
      })

    const controls: TestTenantEventsControls = {
      subscribed: each(acknowledge),
      send: (...messages) =>
        each(({ condition, sink }) => {
          if (condition !== "Subscribed") return
          for (const message of messages) sink.message(textOf(message))
        }),
      lose: (cause) =>
        each((subscription) => {
          const { condition, sink } = subscription
          if (condition === "Lost" && cause === undefined) return
          subscription.condition = "Lost"
          sink.lost(cause ?? (condition === "Silent" ? connectFailed : connectionLost))
        }),
      alive: Effect.flatMap(Clock.currentTimeNanos, (sentAt) => each(answer(sentAt))),
      aliveSentAt: (sentAt) => each(answer(sentAt)),
      subscriptions: Effect.map(SubscriptionRef.get(ref), (all) => all.length),
      awaitSubscription: ref.changes.pipe(
        Stream.takeUntil((all) => all.length > 0),
        Stream.runDrain
      )
    }
    return Context.make(TenantEvents, { subscribe }).pipe(Context.add(TestTenantEvents, controls))
  })

/**
 * Drives a real `TenantDiscovery.layer` in a test, without Redis. It delivers at most once, in
 * order, as Redis does. While a subscription is acknowledged, it answers heartbeats by itself.
 *
 * A test that a worker survives a lost Redis:
 *
 * @example
 * const edges = Layer.mergeAll(
 *   TestTenantEvents.layer(),
 *   TestTenantManager.layer({ service: "ledger", tenants: ["acme"] })
 * )
 * const discovery = Layer.provideMerge(TenantDiscovery.layer(), edges)
 *
 * Effect.gen(function* () {
 *   const events = yield* TestTenantEvents
 *   const manager = yield* TestTenantManager
 *   yield* events.lose()
 *   yield* manager.add("globex")    // no event reports it
 *   yield* events.subscribed        // Redis is back, and a relist closes the gap
 *   yield* yourWorkerHasSeen("globex")
 * }).pipe(Effect.provide(Layer.provideMerge(yourWorker, discovery)))
 */
export class TestTenantEvents extends Context.Tag("tenant-discovery/TestTenantEvents")<
  TestTenantEvents,
  TestTenantEventsControls
>() {
  /**
   * Each layer that is built is a server of its own.
   *
   * @throws RangeError for a bad option, which it names.
   */
  static readonly layer = (
    options?: TestTenantEventsOptions
  ): Layer.Layer<TenantEvents | TestTenantEvents> =>
    Layer.effectContext(make(decodeOptions("TestTenantEvents", Options, options)))
}

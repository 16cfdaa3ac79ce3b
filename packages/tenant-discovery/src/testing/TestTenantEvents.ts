/**
 * A double of the event side: a subscription that says what the test tells it to.
 */
import { Clock, Context, Effect, Layer, type Scope, Stream, SubscriptionRef } from "effect"
import { type LostCause, type SignalSink, TenantEvents } from "../TenantEvents.js"
import type { ContractEvent } from "./TestEvent.js"

export interface TestTenantEventsOptions {
  /**
   * `true`: a subscription is acknowledged as soon as it is made. `false`: nothing
   * is said until the test does. Default `true`.
   */
  readonly auto?: boolean | undefined
}

/** How a test plays the server. Each of these is done when the sinks have been told. */
export interface TestTenantEventsControls {
  /** The server acknowledges: what is sent from here on arrives. Nothing where it did already. */
  readonly subscribed: Effect.Effect<void>
  /**
   * Publishes messages, in order: an event of the contract, any other value as its
   * JSON, or a string as it is. What is sent while nobody is subscribed is gone, as
   * with Redis.
   */
  readonly send: (
    ...messages: ReadonlyArray<ContractEvent | string | object>
  ) => Effect.Effect<void>
  /**
   * The subscription is lost, until `subscribed`. Before the first `subscribed` it
   * is an attempt that failed. Where it was lost already, a cause is told as what keeps
   * it from coming back, and without one nothing is.
   */
  readonly lose: (cause?: LostCause) => Effect.Effect<void>
  /** The server answers a heartbeat that was sent now. */
  readonly alive: Effect.Effect<void>
  /** The server answers a heartbeat that was sent then, by `Clock.currentTimeNanos`. */
  readonly aliveSentAt: (sentAt: bigint) => Effect.Effect<void>
  /** How many subscriptions there are whose scope is open. */
  readonly subscriptions: Effect.Effect<number>
  /** Ends as soon as there is a subscription. */
  readonly awaitSubscription: Effect.Effect<void>
}

type Condition = "Silent" | "Subscribed" | "Lost"

interface Subscription {
  readonly sink: SignalSink
  condition: Condition
}

const connectionLost: LostCause = {
  _tag: "ConnectionLost",
  message: "the connection was closed"
}

const connectFailed: LostCause = {
  _tag: "ConnectFailed",
  message: "nothing listens there"
}

const textOf = (message: ContractEvent | string | object): string =>
  typeof message === "string" ? message : JSON.stringify(message)

const acknowledge = (subscription: Subscription): void => {
  if (subscription.condition === "Subscribed") return
  subscription.condition = "Subscribed"
  subscription.sink.subscribed()
}

const make = (options: TestTenantEventsOptions | undefined) =>
  Effect.map(SubscriptionRef.make<ReadonlyArray<Subscription>>([]), (ref) => {
    const each = (tell: (subscription: Subscription) => void): Effect.Effect<void> =>
      Effect.map(SubscriptionRef.get(ref), (subscriptions) => {
        subscriptions.forEach(tell)
      })

    const subscribe = (sink: SignalSink): Effect.Effect<void, never, Scope.Scope> =>
      Effect.suspend(() => {
        const subscription: Subscription = { sink, condition: "Silent" }
        return Effect.acquireRelease(
          SubscriptionRef.update(ref, (all) => [...all, subscription]),
          () => SubscriptionRef.update(ref, (all) => all.filter((one) => one !== subscription))
        ).pipe(
          Effect.tap(() => {
            if (options?.auto !== false) acknowledge(subscription)
          })
        )
      })

    const aliveSentAt = (sentAt: bigint): Effect.Effect<void> =>
      each(({ condition, sink }) => {
        if (condition === "Subscribed") sink.alive(sentAt)
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
      alive: Effect.flatMap(Clock.currentTimeNanos, aliveSentAt),
      aliveSentAt,
      subscriptions: Effect.map(SubscriptionRef.get(ref), (all) => all.length),
      awaitSubscription: ref.changes.pipe(
        Stream.takeUntil((all) => all.length > 0),
        Stream.runDrain
      )
    }
    return Context.make(TenantEvents, { subscribe }).pipe(Context.add(TestTenantEvents, controls))
  })

/**
 * Drives a real `TenantDiscovery.layer` in a test, without Redis. It delivers at most
 * once, in order, as Redis does; whatever else may happen to an event is the test's
 * to do.
 *
 * How to prove that your worker survives a lost Redis:
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
 *   yield* manager.add("globex")    // nobody hears of it
 *   yield* events.subscribed        // Redis is back, and a list closes the gap
 *   yield* yourWorkerHasSeen("globex")
 * }).pipe(Effect.provide(Layer.provideMerge(yourWorker, discovery)))
 */
export class TestTenantEvents extends Context.Tag("tenant-discovery/TestTenantEvents")<
  TestTenantEvents,
  TestTenantEventsControls
>() {
  /** Nobody is subscribed until somebody subscribes; each layer that is built is a server of its own. */
  static readonly layer = (
    options?: TestTenantEventsOptions
  ): Layer.Layer<TenantEvents | TestTenantEvents> => Layer.effectContext(make(options))
}

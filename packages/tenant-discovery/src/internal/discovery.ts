/**
 * The loop: one inbox, one fiber. It carries what arrives to the machine that
 * decides, publishes the state once a batch, and does what it is told. It decides
 * nothing.
 */
import {
  Cause,
  type Clock,
  Deferred,
  Effect,
  FiberHandle,
  Option,
  Random,
  type Scope,
  Utils
} from "effect"
import type { TenantDiscoveryOptions } from "../TenantDiscoveryOptions.js"
import type { TenantDiscoveryService } from "../TenantDiscoveryService.js"
import { TenantEvents } from "../TenantEvents.js"
import { TenantManager } from "../TenantManager.js"
import { type TenantManagerError, Unavailable } from "../TenantManagerError.js"
import { eventSpans } from "./eventSpans.js"
import { Inbox } from "./inbox.js"
import { Latest } from "./latest.js"
import { type Effects, type Input, Machine, type Now } from "./machine.js"
import * as Metrics from "./metrics.js"
import { logNotices } from "./notice.js"
import { mayConcern } from "./relevance.js"
import { settingsOf } from "./settings.js"
import { waitBeforeRetry } from "./startRetry.js"
import { type DiscoveryState, makeSurface } from "./surface.js"

type Waiter = Deferred.Deferred<void, TenantManagerError>
type Own = Input<Waiter>

const nowOf = (clock: Clock.Clock): Now => ({
  mono: Number(clock.unsafeCurrentTimeNanos()) / 1e6,
  wall: clock.unsafeCurrentTimeMillis()
})

const away = (message: string, cause: unknown): TenantManagerError =>
  new Unavailable({
    operation: "list active tenants",
    message,
    status: undefined,
    retryAfter: undefined,
    cause
  })

const closedError = (): TenantManagerError => away("the tenant discovery is closed", undefined)

/**
 * Calls the tenant manager once and puts what came of it into the inbox. A client
 * that dies or interrupts itself is an outage: it stops nothing.
 */
const listInto = (manager: TenantManager["Type"], inbox: Inbox<Own>): Effect.Effect<void> =>
  manager.listActiveTenants.pipe(
    Effect.catchAllCause((cause) =>
      Option.match(Cause.failureOption(cause), {
        onSome: Effect.fail,
        onNone: () =>
          Effect.zipRight(
            Effect.logError("the tenant manager's client died", cause),
            Effect.fail(away("the client died; its defect is in the log", undefined))
          )
      })
    ),
    Effect.match({
      onSuccess: (listing) => {
        Metrics.listsTaken.unsafeUpdate(1, [])
        inbox.put({ _tag: "Listed", listing })
      },
      onFailure: (error) => {
        Metrics.listsFailed.unsafeUpdate(1, [])
        inbox.put({ _tag: "ListFailed", error })
      }
    })
  )

/** A discovery that lives until the scope closes. The fields of the machine are read, never written, here. */
export const make = (
  options?: TenantDiscoveryOptions
): Effect.Effect<
  TenantDiscoveryService,
  TenantManagerError,
  TenantManager | TenantEvents | Scope.Scope
> =>
  Effect.gen(function* () {
    const settings = settingsOf(options)
    const manager = yield* TenantManager
    const events = yield* TenantEvents
    const clock = yield* Effect.clock
    const generator = new Utils.PCGRandom(yield* Random.nextInt)
    const random = () => generator.number()
    const now = () => nowOf(clock)
    const recordEvents = yield* eventSpans(manager.service)

    const machine = new Machine<Waiter>(manager.service, settings, random, now())
    const relevant = mayConcern(manager.service)
    const inbox = new Inbox<Own>(
      { messages: settings.bufferMessages, characters: settings.bufferCharacters },
      (raw) => {
        if (relevant(raw)) return true
        Metrics.countForeign()
        return false
      }
    )
    let closed = false
    const stateNow = (): DiscoveryState => ({
      view: machine.view,
      status: machine.status,
      asOf: machine.asOf,
      closed
    })
    const state = new Latest(stateNow())

    /** What changes nothing wakes nobody. */
    const publish = (): void => {
      const { current } = state
      if (
        current.view !== machine.view ||
        current.status !== machine.status ||
        current.asOf !== machine.asOf ||
        current.closed !== closed
      ) {
        state.set(stateNow())
      }
    }

    // Finalizers run from the last to the first: the loop has stopped and the
    // subscription is closed by the time this one says so.
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        closed = true
        const waiting = [...machine.takeWaiters(), ...inbox.drain().flatMap(waiterOf)]
        machine.closed(now())
        publish()
        return Effect.forEach(waiting, (waiter) => Deferred.fail(waiter, closedError()), {
          discard: true
        })
      })
    )

    const list = yield* FiberHandle.make<void>()
    const timer = yield* FiberHandle.make<void>()
    let armedFor: number | undefined

    /** Starts the list that is due, or sets the timer for it; nothing where the timer is set. */
    const schedule = (at: Now): Effect.Effect<unknown> => {
      const due = machine.nextListAt(at)
      if (due !== undefined && due <= at.mono) {
        armedFor = undefined
        machine.listStarted(at)
        return FiberHandle.run(list, Effect.interruptible(listInto(manager, inbox)))
      }
      if (due === armedFor) return Effect.void
      armedFor = due
      if (due === undefined) return FiberHandle.clear(timer)
      // A timer may fire a little early: whatever is due then is armed again.
      const wake = Effect.sync(() => {
        armedFor = undefined
        inbox.put({ _tag: "Wake" })
      })
      return FiberHandle.run(
        timer,
        Effect.interruptible(Effect.delay(wake, Math.ceil(due - at.mono)))
      )
    }

    const carryOut = ({ notices, settled }: Effects<Waiter>): Effect.Effect<void> =>
      Effect.zipRight(
        Effect.forEach(
          settled,
          ({ error, waiter }) =>
            error === undefined
              ? Deferred.succeed(waiter, undefined)
              : Deferred.fail(waiter, error),
          { discard: true }
        ),
        logNotices(notices)
      )

    /**
     * Decides, publishes and counts in one synchronous piece, and leaves an effect only of
     * what most batches have nothing of: a batch is FIGURE of the runtime and not FIGURE.
     */
    const step = (inputs: ReadonlyArray<Own>): Effect.Effect<unknown> => {
      const at = now()
      machine.accept(inputs, at)
      publish()
      const left = machine.takeEffects()
      for (const tally of left.tallies) Metrics.countEvents(tally)
      if (left.drift > 0) Metrics.drift.unsafeUpdate(left.drift, [])
      Metrics.tenants.unsafeUpdate(machine.view.size, [])
      recordEvents?.(left.events)
      const next = schedule(at)
      return left.notices.length === 0 && left.settled.length === 0
        ? next
        : Effect.zipRight(carryOut(left), next)
    }

    /** What was taken is carried to its end: whoever waits for it would wait for ever. */
    const carry = (take: () => ReadonlyArray<Own>): Effect.Effect<unknown> =>
      Effect.suspend(() => step(take())).pipe(
        Effect.catchAllCause((cause) => {
          machine.distrust(now())
          return Effect.zipRight(
            Effect.logError("the discovery loop failed on an input and goes on", cause),
            Effect.suspend(() => schedule(now()))
          )
        }),
        Effect.uninterruptible
      )

    const listAtStart = Effect.gen(function* () {
      const began = now().mono
      for (let tries = 0; ; tries++) {
        // What arrived before this try is older than the list it asks for.
        machine.accept(inbox.drain(), now())
        machine.listStarted(now())
        const answer = yield* Effect.either(manager.listActiveTenants)
        if (answer._tag === "Right") return answer.right
        const wait = waitBeforeRetry(answer.left, {
          tries,
          spent: now().mono - began,
          random,
          settings
        })
        if (wait === undefined) return yield* Effect.fail(answer.left)
        yield* Effect.sleep(wait)
      }
    })

    yield* events.subscribe(inbox)
    // The first word is `Subscribed` or `Lost`; the list is asked for after it.
    yield* Effect.timeoutOption(inbox.notEmpty, settings.subscribeTimeout)
    const listing = yield* listAtStart
    machine.accept([{ _tag: "Listed", listing }], now())
    machine.started()
    yield* carry(() => [])
    const carryWaiting = carry(() => inbox.drain())
    // Not `forever`, which gives its turn away after each batch.
    const loop: Effect.Effect<never> = Effect.flatMap(inbox.notEmpty, () =>
      Effect.flatMap(carryWaiting, () => loop)
    )
    yield* loop.pipe(
      Effect.annotateLogs({ service: manager.service }),
      Effect.interruptible,
      Effect.forkScoped
    )

    const refresh = Effect.gen(function* () {
      if (closed) return yield* Effect.fail(closedError())
      const waiter: Waiter = yield* Deferred.make<void, TenantManagerError>()
      inbox.put({ _tag: "Refresh", waiter })
      return yield* Deferred.await(waiter)
    })

    return makeSurface(state, refresh)
  })

const waiterOf = (input: Own): ReadonlyArray<Waiter> =>
  input._tag === "Refresh" ? [input.waiter] : []

/**
 * The loop: one inbox, one turn after the other. A turn carries what has arrived to the
 * machine that decides, publishes the state once, and does what it is told. It decides
 * nothing.
 *
 * A turn is one synchronous piece, run by the scheduler when the inbox is no longer
 * empty. A fiber that waits for the inbox takes as long to wake as everything else
 * together, where events are rare and nothing is warm: 70 us of 150.
 */
import {
  Cause,
  type Clock,
  Deferred,
  Effect,
  FiberHandle,
  FiberRef,
  Mailbox,
  Option,
  Random,
  type Scope,
  Utils
} from "effect"
import type { TenantDiscoveryOptions } from "../TenantDiscoveryOptions.js"
import type { TenantDiscoveryService } from "../TenantDiscoveryService.js"
import { TenantEvents } from "../TenantEvents.js"
import { TenantManager } from "../TenantManager.js"
import { type TenantManagerError, TenantManagerUnavailable } from "../TenantManagerError.js"
import { eventSpans } from "./eventSpans.js"
import { Inbox } from "./inbox.js"
import { Latest } from "./latest.js"
import { type Effects, type Input, Machine, type Now } from "./machine.js"
import * as Metrics from "./metrics.js"
import { logNotices, type Notice } from "./notice.js"
import { mayConcern } from "./relevance.js"
import { settingsOf } from "./settings.js"
import { waitBeforeRetry } from "./startRetry.js"
import { type DiscoveryState, makeSurface } from "./surface.js"

type Waiter = Deferred.Deferred<void, TenantManagerError>
type Own = Input<Waiter>

/** Log lines that may wait for a logger. */
const MOST_NOTICES = 256

const nowOf = (clock: Clock.Clock): Now => ({
  mono: Number(clock.unsafeCurrentTimeNanos()) / 1e6,
  wall: clock.unsafeCurrentTimeMillis()
})

const away = (message: string, cause: unknown): TenantManagerError =>
  new TenantManagerUnavailable({
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
        const wanted = relevant(raw)
        if (!wanted) Metrics.countForeign(1)
        return wanted
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

    const log = yield* Mailbox.make<Notice>({ capacity: MOST_NOTICES, strategy: "dropping" })
    const say = (notices: Iterable<Notice>): Effect.Effect<void> =>
      Effect.annotateLogs(logNotices(notices), { service: manager.service })

    // Finalizers run from the last to the first: lists have stopped and the
    // subscription is closed by the time this one says so.
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        closed = true
        const waiting = [...machine.takeWaiters(), ...inbox.drain().flatMap(waiterOf)]
        machine.closed(now())
        publish()
        for (const waiter of waiting) Deferred.unsafeDone(waiter, Effect.fail(closedError()))
        return Effect.flatMap(log.clear, say)
      })
    )

    const runList = yield* FiberHandle.runtime(yield* FiberHandle.make<void>())()
    const runTimer = yield* FiberHandle.runtime(yield* FiberHandle.make<void>())()
    let armedFor: number | undefined

    /** Starts the list that is due, or sets the timer for it. */
    const schedule = (at: Now): void => {
      const due = machine.nextListAt(at)
      if (due !== undefined && due <= at.mono) {
        armedFor = undefined
        machine.listStarted(at)
        runList(Effect.interruptible(listInto(manager, inbox)))
        return
      }
      if (due === armedFor) return
      armedFor = due
      // A timer may fire a little early: whatever is due then is armed again.
      const wake = Effect.sync(() => {
        armedFor = undefined
        inbox.put({ _tag: "Wake" })
      })
      runTimer(
        due === undefined
          ? Effect.void
          : Effect.interruptible(Effect.delay(wake, Math.ceil(due - at.mono)))
      )
    }

    const carryOut = ({
      drift,
      events: told,
      notices,
      settled,
      tallies
    }: Effects<Waiter>): void => {
      for (const tally of tallies) Metrics.countEvents(tally)
      if (drift > 0) Metrics.drift.unsafeUpdate(drift, [])
      Metrics.tenants.unsafeUpdate(machine.view.size, [])
      if (recordEvents !== undefined) for (const batch of told) recordEvents(batch)
      for (const { error, waiter } of settled) {
        Deferred.unsafeDone(waiter, error === undefined ? Effect.void : Effect.fail(error))
      }
      for (const notice of notices) log.unsafeOffer(notice)
    }

    const step = (inputs: ReadonlyArray<Own>): void => {
      const at = now()
      machine.accept(inputs, at)
      publish()
      carryOut(machine.takeEffects())
      schedule(at)
    }

    const turn = (): void => {
      if (closed) return
      try {
        step(inbox.drain())
      } catch (defect) {
        const at = now()
        machine.distrust(at)
        log.unsafeOffer({
          level: "Error",
          message: "the discovery loop failed on an input and goes on",
          fields: {},
          cause: Cause.die(defect)
        })
        schedule(at)
      }
    }

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
    step([])
    yield* Effect.flatMap(log.take, (notice) => say([notice])).pipe(
      Effect.forever,
      Effect.interruptible,
      Effect.forkScoped
    )
    const scheduler = yield* FiberRef.get(FiberRef.currentScheduler)
    inbox.listen(() => scheduler.scheduleTask(turn, 0))

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

/**
 * The discovery: subscribes, lists, then forks the listener fiber. The listener takes what has
 * arrived, lets the reducer decide, publishes the state and runs the commands. It decides
 * nothing itself.
 */
import {
  Cause,
  Deferred,
  Effect,
  Either,
  FiberHandle,
  LogLevel,
  type Metric,
  Option,
  Random,
  type Scope,
  SubscriptionRef
} from "effect"
import type { TenantDiscoveryOptions } from "../../TenantDiscoveryOptions.js"
import type { TenantDiscoveryService } from "../../TenantDiscoveryService.js"
import { TenantEvents } from "../../TenantEvents.js"
import { TenantManager } from "../../TenantManager.js"
import { type TenantManagerError, TenantManagerUnavailable } from "../../TenantManagerError.js"
import type { LogLine } from "../event/eventReader.js"
import { makeEventSpans } from "../event/spans.js"
import { metricLabels, type MetricLabels } from "../metricLabels.js"
import * as Metrics from "../metrics.js"
import { currentMoment } from "../moment.js"
import { makeInputs, makeTurnReader, type Turn } from "./inputs.js"
import { startList } from "./lists.js"
import { closeState, reduce } from "./reducer.js"
import { makeService } from "./service.js"
import { decodeSettings, type DiscoverySettings } from "./settings.js"
import { waitBeforeRetry } from "./startRetry.js"
import {
  type Command,
  type DiscoveryState,
  initialState,
  type Input,
  type Now,
  type Reduced,
  type Reducer,
  type ReducerState,
  type RefreshWaiter
} from "./state.js"

const currentNow: Effect.Effect<Now> = Effect.zipWith(
  currentMoment,
  Random.next,
  (moment, random) => ({ ...moment, random })
)

/** An error of the discovery itself, as a failed list. */
const unavailable = (message: string): TenantManagerError =>
  new TenantManagerUnavailable({
    operation: "list active tenants",
    message,
    status: undefined,
    retryAfter: undefined,
    cause: undefined
  })

/** A logger, a tracer or a metric that throws stops nothing but its own effect. */
const guarded = <R>(effect: Effect.Effect<unknown, never, R>): Effect.Effect<void, never, R> =>
  Effect.catchAllCause(Effect.asVoid(effect), () => Effect.void)

const counting = (update: () => void): Effect.Effect<void> => guarded(Effect.sync(update))

/** From the publisher's timestamps to `now`, in milliseconds since the epoch. */
const countLag = (inputs: ReadonlyArray<Input>, now: number, labels: MetricLabels): void => {
  for (const input of inputs) {
    for (const { publishedAt } of input._tag === "Events" ? input.events : []) {
      const seconds = Math.max(0, now - publishedAt) / 1000
      // NaN where the publisher sent no time.
      if (seconds >= 0) Metrics.eventLag.unsafeUpdate(seconds, labels)
    }
  }
}

/** Sets the gauges. They are 0 once the discovery is closed. */
const showState = ({ closed, status, view }: DiscoveryState, labels: MetricLabels): void => {
  const set = (gauge: Metric.Metric.Gauge<number>, value: number): void =>
    gauge.unsafeUpdate(closed ? 0 : value, labels)
  set(Metrics.tenants, view.size)
  set(Metrics.asOf, view.asOf / 1000)
  set(Metrics.awaitingRemoval, status.awaitingRemoval)
  set(Metrics.subscribed, status.mode === "BootstrapOnly" ? 0 : 1)
  for (const [mode, gauge] of Object.entries(Metrics.modes))
    set(gauge, mode === status.mode ? 1 : 0)
}

const logDefect = (message: string, cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  guarded(Effect.logError(message, cause))

const writeLog = ({ fields, level, message }: LogLine): Effect.Effect<void> =>
  Effect.annotateLogs(Effect.logWithLevel(LogLevel.fromLiteral(level), message), fields)

/** One call; a client that dies or interrupts itself counts as an outage. */
const listOnce = (manager: TenantManager["Type"], labels: MetricLabels) =>
  manager.listActiveTenants.pipe(
    Effect.catchAllCause((cause) =>
      Option.match(Cause.failureOption(cause), {
        onSome: Effect.fail,
        onNone: () =>
          Effect.zipRight(
            logDefect("list failed: the tenant manager's client died; retrying", cause),
            Effect.fail(unavailable("the tenant manager's client died; the log has the defect"))
          )
      })
    ),
    (list) =>
      Effect.flatMap(currentMoment, (began) => {
        const count = (outcome: "taken" | "failed") =>
          Effect.flatMap(currentMoment, (now) =>
            counting(() => {
              Metrics.lists[outcome].unsafeUpdate(1, labels)
              const seconds = (now.mono - began.mono) / 1000
              Metrics.listDurations[outcome].unsafeUpdate(seconds, labels)
            })
          )
        return Effect.tapBoth(list, {
          onSuccess: () => count("taken"),
          onFailure: () => count("failed")
        })
      })
  )

/** The smallest inputs that an input consists of. */
const single = (input: Input): ReadonlyArray<Input> =>
  input._tag === "Events"
    ? input.events.map((event) => ({ _tag: "Events" as const, events: [event] }))
    : [input]

const closed = unavailable("the tenant discovery is closed")

const notApplied = unavailable("the discovery could not apply an input; the log has the defect")

/** What takes the place of an input that cannot be reduced: a list in flight still ends. */
const insteadOf = (input: Input): Input =>
  input._tag === "Listed" || input._tag === "ListFailed"
    ? { _tag: "ListFailed", error: notApplied }
    : { _tag: "Distrust" }

/**
 * A discovery that lives until the scope closes. Options are decoded at once.
 *
 * @throws RangeError for a bad option. `reducer` is replaced by tests of the model.
 */
export const makeDiscovery = (
  options?: TenantDiscoveryOptions,
  reducer: Reducer = reduce
): Effect.Effect<
  TenantDiscoveryService,
  TenantManagerError,
  TenantManager | TenantEvents | Scope.Scope
> => {
  const settings = decodeSettings("TenantDiscovery.layer", options)
  return Effect.flatMap(TenantManager, (manager) =>
    Effect.annotateLogs(build(manager, settings, reducer), { service: manager.service })
  )
}

const build = (manager: TenantManager["Type"], settings: DiscoverySettings, reducer: Reducer) =>
  Effect.gen(function* () {
    const { subscribe } = yield* TenantEvents
    const { service } = manager
    const labels = yield* metricLabels({ service })
    yield* counting(() => Metrics.existing(labels))
    const recordSpans = yield* makeEventSpans(service)
    const began = yield* currentMoment
    const ref = yield* SubscriptionRef.make(startList(initialState(service, began), began))
    const mailbox = yield* makeInputs(service, settings)
    const readTurn = makeTurnReader({ ...settings, service })
    const pending = new Set<RefreshWaiter>()

    // Finalizers run from the last to the first: the listener, the lists and the subscription
    // have ended when this one runs.
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        yield* mailbox.close
        const now = yield* currentMoment
        const state = yield* SubscriptionRef.updateAndGet(ref, (state) => closeState(state, now))
        yield* Effect.forEach(pending, (waiter) => Deferred.fail(waiter, closed))
        yield* counting(() => showState(state, labels))
      })
    )
    const listFiber = yield* FiberHandle.make<void>()
    const timerFiber = yield* FiberHandle.make<void>()

    const list = Effect.match(listOnce(manager, labels), {
      onSuccess: (listing) => void mailbox.offer({ _tag: "Listed", listing }),
      onFailure: (error) => void mailbox.offer({ _tag: "ListFailed", error })
    })

    const fire = Effect.sync(() => void mailbox.offer({ _tag: "TimerFired" }))

    const armTimer = (at: number | undefined): Effect.Effect<unknown> =>
      at === undefined
        ? FiberHandle.clear(timerFiber)
        : Effect.flatMap(currentMoment, ({ mono }) =>
            FiberHandle.run(
              timerFiber,
              Effect.interruptible(Effect.delay(fire, Math.ceil(Math.max(0, at - mono))))
            )
          )

    const run = (command: Command): Effect.Effect<unknown> => {
      switch (command._tag) {
        case "StartList":
          return Effect.zipRight(
            FiberHandle.clear(timerFiber),
            FiberHandle.run(listFiber, Effect.interruptible(list))
          )
        case "ArmTimer":
          return armTimer(command.at)
        case "Log":
          return writeLog(command)
        case "CountDrift":
          return Effect.sync(() => Metrics.drift.unsafeUpdate(command.count, labels))
        case "Settle": {
          const { error, waiters } = command
          const exit = error === undefined ? Effect.void : Effect.fail(error)
          return Effect.forEach(waiters, (waiter) => Deferred.complete(waiter, exit), {
            discard: true
          })
        }
      }
    }

    const runCommand = (command: Command): Effect.Effect<void> =>
      Effect.catchAllCause(Effect.asVoid(run(command)), (cause) =>
        command._tag === "Log" ? Effect.void : logDefect(`${command._tag} failed`, cause)
      )

    /** An input that throws is lost; the others are applied. */
    const reduceOne = (state: ReducerState, input: Input, now: Now): Effect.Effect<Reduced> =>
      Effect.catchAllDefect(
        Effect.sync(() => reducer(settings, state, [input], now)),
        (defect) =>
          Effect.gen(function* () {
            yield* logDefect(`${input._tag} could not be applied; relisting`, Cause.die(defect))
            if (input._tag === "Refresh") yield* Deferred.fail(input.waiter, notApplied)
            return reduce(settings, state, [insteadOf(input)], now)
          })
      )

    const reduceEach = (state: ReducerState, all: ReadonlyArray<Input>, now: Now) =>
      Effect.reduce(all.flatMap(single), { state, commands: [] }, (reduced: Reduced, input) =>
        Effect.map(reduceOne(reduced.state, input, now), (next) => ({
          state: next.state,
          commands: [...reduced.commands, ...next.commands]
        }))
      )

    const step = (all: ReadonlyArray<Input>): Effect.Effect<void> =>
      Effect.gen(function* () {
        const now = yield* currentNow
        const state = yield* SubscriptionRef.get(ref)
        const reduced = yield* Effect.catchAllDefect(
          Effect.sync(() => reducer(settings, state, all, now)),
          () => reduceEach(state, all, now)
        )
        if (reduced.state !== state) yield* SubscriptionRef.set(ref, reduced.state)
        yield* Effect.forEach(reduced.commands, runCommand, { discard: true })
        yield* counting(() => showState(reduced.state, labels))
      })

    const runTurn = (turn: Turn): Effect.Effect<void> =>
      Effect.gen(function* () {
        const { inputs, logs, outcomes } = readTurn(turn)
        yield* counting(() => {
          for (const outcome of outcomes) Metrics.events[outcome].unsafeUpdate(1, labels)
        })
        for (const line of logs) yield* guarded(writeLog(line))
        if (recordSpans !== undefined) {
          for (const input of inputs) {
            if (input._tag === "Events") yield* guarded(recordSpans(input.events))
          }
        }
        yield* step(inputs)
        const { wall } = yield* currentMoment
        yield* counting(() => countLag(inputs, wall, labels))
      })

    const countIgnored = counting(() => {
      const ignored = mailbox.takeIgnored()
      if (ignored > 0) Metrics.events.ignored.unsafeUpdate(ignored, labels)
    })

    /** Only the close of the scope ends this loop. */
    const listen = Effect.gen(function* () {
      const turns = yield* mailbox.take
      yield* countIgnored
      for (const turn of turns) {
        const pause = turns.length > 1 ? Effect.sleep(0) : Effect.void
        yield* Effect.catchAllCause(Effect.zipRight(runTurn(turn), pause), (cause) =>
          logDefect("inputs could not be applied; continuing", cause)
        )
      }
    }).pipe(Effect.forever)

    /** One try of the first list. What arrived before is older than the list. */
    const tryToList = Effect.gen(function* () {
      const turns = yield* mailbox.takeWaiting
      for (const turn of turns) {
        yield* runTurn(turn)
        if (turns.length > 1) yield* Effect.sleep(0)
      }
      const now = yield* currentMoment
      yield* SubscriptionRef.update(ref, (state) => startList(state, now))
      return yield* listOnce(manager, labels)
    })

    const listAtStart = Effect.gen(function* () {
      for (let retries = 0; ; retries++) {
        const listed = yield* Effect.either(tryToList)
        if (Either.isRight(listed)) return listed.right
        const elapsed = (yield* currentMoment).mono - began.mono
        const random = yield* Random.next
        const wait = waitBeforeRetry(listed.left, { retries, elapsed, random, settings })
        if (wait === undefined) return yield* Effect.fail(listed.left)
        yield* Effect.sleep(wait)
      }
    })

    yield* subscribe(mailbox.sink)
    // The first signal is `Subscribed` or `Lost`; the list begins after it.
    yield* Effect.timeoutOption(mailbox.firstSignal, settings.subscribeTimeout)
    const listing = yield* listAtStart
    yield* step([{ _tag: "Listed", listing }, { _tag: "Started" }])
    const { lastError } = (yield* SubscriptionRef.get(ref)).status
    if (lastError?._tag === "ListFailed") return yield* Effect.fail(lastError.error)
    yield* Effect.forkScoped(Effect.interruptible(listen))

    const refresh = Effect.acquireUseRelease(
      Effect.tap(Deferred.make<void, TenantManagerError>(), (waiter) =>
        Effect.sync(() => pending.add(waiter))
      ),
      (waiter) =>
        mailbox.offer({ _tag: "Refresh", waiter }) ? Deferred.await(waiter) : Effect.fail(closed),
      (waiter) => Effect.sync(() => pending.delete(waiter))
    )

    return makeService(ref, refresh)
  })

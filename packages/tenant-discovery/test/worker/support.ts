/**
 * Shared by the tests of the workers: work that records what happens to it, a worker over a test
 * double, and waits without sleeping.
 */
import { it } from "@effect/vitest"
import {
  type Clock,
  Context,
  Data,
  type Duration,
  Effect,
  Exit,
  Layer,
  Logger,
  Metric,
  Schedule,
  Scope,
  TestClock,
  TestServices
} from "effect"
import type { YieldWrap } from "effect/Utils"
import { CurrentTenant } from "../../src/CurrentTenant.js"
import { TenantId } from "../../src/Tenant.js"
import { TenantDiscovery } from "../../src/TenantDiscovery.js"
import * as TenantWorker from "../../src/TenantWorker.js"
import { TestTenantDiscovery } from "../../src/testing.js"

/** Lets every fiber do what it can do without the clock. */
export const settle = Effect.repeatN(TestClock.adjust("0 millis"), 2)

/** Moves the clock, and lets every fiber do what it can do then. */
export const advance = (by: Duration.DurationInput) => Effect.zipRight(TestClock.adjust(by), settle)

/** Declares a test over a layer, in a scope, under the test clock. */
export const testOver =
  <R>(layer: Layer.Layer<R, unknown>) =>
  (
    name: string,
    body: () => Generator<YieldWrap<Effect.Effect<unknown, unknown, R | Scope.Scope>>, void, never>
  ) =>
    it.scoped(name, () => Effect.provide(Effect.gen(body), layer))

export const test = testOver(Layer.empty)

export const ids = (count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, i) => `tenant-${i}`)

class ConditionNotMet extends Data.TaggedError("ConditionNotMet")<{ readonly message: string }> {}

/** Waits until `check` is true; dies after `limit` milliseconds of real time. */
export const eventually = (
  what: string,
  check: () => boolean,
  limit = 10_000
): Effect.Effect<void> =>
  Effect.sync(check).pipe(
    Effect.repeat({ until: (met) => met, schedule: Schedule.spaced("1 millis") }),
    Effect.timeoutFail({
      duration: limit,
      onTimeout: () => new ConditionNotMet({ message: `not within ${limit} ms: ${what}` })
    }),
    Effect.orDie,
    Effect.asVoid,
    TestServices.provideLive
  )

export class Boom extends Data.TaggedError("Boom")<{ readonly message: string }> {}

export const fails = Effect.fail(new Boom({ message: "no" }))

/** Work that records its starts and ends, with a behaviour per tenant. */
export class Probe {
  /** Every start, in order. */
  readonly started: Array<string> = []
  readonly ended: Array<{ readonly id: string; readonly how: "done" | "failed" | "interrupted" }> =
    []
  readonly active = new Map<TenantId, number>()
  /** The most runs under way at once: of all tenants, and of one. */
  most = 0
  mostOfOne = 0
  readonly behaviour = new Map<string, Effect.Effect<void, Boom>>()
  otherwise: Effect.Effect<void, Boom> = Effect.void
  onStart: (id: TenantId) => void = () => {}

  get activeIds(): ReadonlyArray<string> {
    return [...this.active.keys()].toSorted()
  }

  startsOf(id: string): number {
    return this.started.filter((one) => one === id).length
  }

  endsOf(id: string): ReadonlyArray<string> {
    return this.ended.filter((one) => one.id === id).map(({ how }) => how)
  }

  readonly run: Effect.Effect<void, Boom, CurrentTenant> = Effect.flatMap(CurrentTenant, ({ id }) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        this.started.push(id)
        this.onStart(id)
        const now = (this.active.get(id) ?? 0) + 1
        this.active.set(id, now)
        this.mostOfOne = Math.max(this.mostOfOne, now)
        this.most = Math.max(this.most, this.started.length - this.ended.length)
      }),
      () => this.behaviour.get(id) ?? this.otherwise,
      (_, exit) =>
        Effect.sync(() => {
          const left = (this.active.get(id) ?? 0) - 1
          if (left === 0) this.active.delete(id)
          else this.active.set(id, left)
          const failed = Exit.isInterrupted(exit) ? "interrupted" : "failed"
          this.ended.push({ id, how: Exit.isSuccess(exit) ? "done" : failed })
        })
    )
  )
}

export interface LogLine {
  readonly level: string
  readonly message: string
  readonly annotations: Record<string, unknown>
  readonly cause: string
}

export const captureLogs = () => {
  const lines: Array<LogLine> = []
  const logger = Logger.make(({ annotations, cause, logLevel, message }) => {
    // Each worker says so at its start.
    if (String(message) === "worker works for every tenant") return
    lines.push({
      level: logLevel.label,
      message: String(message),
      annotations: Object.fromEntries(annotations),
      cause: JSON.stringify(cause)
    })
  })
  const texts = (level: string) =>
    lines.filter((line) => line.level === level).map(({ message }) => message)
  return { lines, texts, layer: Logger.replace(Logger.defaultLogger, logger) }
}

/** Builds a worker over a test double, in a scope that the test may close. `name`: of the worker. */
export const buildWorker = (
  tenants: ReadonlyArray<string>,
  makeLayer: (probe: Probe) => Layer.Layer<never, never, TenantDiscovery>,
  name = "worker"
) =>
  Effect.gen(function* () {
    const probe = new Probe()
    const logs = captureLogs()
    const doubleScope = yield* Scope.make()
    const scope = yield* Scope.make()
    const close = Scope.close(scope, Exit.void)
    const closeDiscovery = Scope.close(doubleScope, Exit.void)
    yield* Effect.addFinalizer(() => Effect.zipRight(close, closeDiscovery))
    const context = yield* Layer.buildWithScope(TestTenantDiscovery.layer(tenants), doubleScope)
    const worker = makeLayer(probe).pipe(
      Layer.provide(Layer.succeedContext(context)),
      Layer.provide(logs.layer)
    )
    yield* Layer.buildWithScope(worker, scope)
    const status = Effect.provide(TenantWorker.status(name), context)
    const statusOf = (id: string) => Effect.map(status, (tenants) => tenants.get(TenantId.make(id)))
    yield* settle
    return {
      probe,
      logs,
      status,
      statusOf,
      close,
      closeDiscovery,
      discovery: Context.get(context, TenantDiscovery),
      control: Context.get(context, TestTenantDiscovery)
    }
  })

/** The test clock with a wall clock that the test moves, and a count of the sleeping fibers. */
export const withTestedClock = <A, E, R>(
  effect: (clock: {
    readonly moveWallClock: (millis: number) => void
    readonly sleeping: () => number
  }) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.clock, (clock) => {
    let offset = 0
    let sleeping = 0
    const wall = () => clock.unsafeCurrentTimeMillis() + offset
    const changed: Clock.Clock = Object.assign(Object.create(clock), {
      unsafeCurrentTimeMillis: wall,
      currentTimeMillis: Effect.sync(wall),
      // The monotonic clock of `clock`; its own method would read the moved wall clock.
      unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos(),
      sleep: (duration: Duration.Duration) =>
        Effect.acquireUseRelease(
          Effect.sync(() => sleeping++),
          () => clock.sleep(duration),
          () => Effect.sync(() => sleeping--)
        )
    })
    const moveWallClock = (millis: number) => {
      offset += millis
    }
    return Effect.withClock(effect({ moveWallClock, sleeping: () => sleeping }), changed)
  })

/** The values of a metric with these labels. */
export const metricValues = (name: string, labels: Readonly<Record<string, string>>) =>
  Effect.map(Metric.snapshot, (pairs) =>
    pairs
      .filter(({ metricKey }) => metricKey.name === name)
      .filter(({ metricKey }) =>
        Object.entries(labels).every(([key, value]) =>
          metricKey.tags.some((tag) => tag.key === key && tag.value === value)
        )
      )
      .map(({ metricState }) => metricState)
  )

/** What holds for the runs of both workers. */
import { describe, expect, it } from "@effect/vitest"
import {
  Deferred,
  type Duration,
  Effect,
  FiberRef,
  Layer,
  Option,
  Schedule,
  TestClock,
  type Tracer
} from "effect"
import { CurrentTenant } from "../../src/CurrentTenant.js"
import { ResourceHolder } from "../../src/internal/layers/resourceHolder.js"
import { TenantDiscovery } from "../../src/TenantDiscovery.js"
import * as TenantWorker from "../../src/TenantWorker.js"
import { metricValue } from "../core/harness.js"
import {
  advance,
  Boom,
  buildWorker,
  eventually,
  fails,
  metricValues,
  type Probe,
  settle,
  test,
  withTestedClock
} from "./support.js"

type Run<R> = Effect.Effect<unknown, Boom, R>
interface Options {
  readonly name?: string
  readonly drain?: Duration.DurationInput
  readonly closeTimeout?: Duration.DurationInput
  /** The delays after failures. */
  readonly backoff?: Schedule.Schedule<unknown>
}

/** Work that goes on until it is interrupted. */
const endless = (probe: Probe) => {
  probe.otherwise = Effect.never
  return probe.run
}

const kinds = {
  scheduled: <R>(run: Run<R>, { backoff, ...options }: Options = {}) =>
    TenantWorker.scheduled({
      name: "worker",
      schedule: Schedule.spaced("1 minute"),
      drain: 0,
      failureBackoff: backoff,
      ...options,
      run
    }),
  perTenant: <R>(
    run: Run<R>,
    { backoff = Schedule.spaced("1 minute"), ...options }: Options = {}
  ) => TenantWorker.perTenant({ name: "worker", restart: backoff, ...options, run })
}

/** Work that gives `hold` what a pool needs to interrupt it. */
const revocable = (work: Run<CurrentTenant>, hold: (revoke: Effect.Effect<void>) => void) =>
  Effect.flatMap(ResourceHolder, ({ revoke = Effect.void }) => {
    hold(revoke)
    return work
  })

/** A minute later every scheduled tenant has had a turn, every perTenant work a restart. */
const minute = advance("1 minute")

describe.each(["scheduled", "perTenant"] as const)("a run of %s", (kind) => {
  const worker = kinds[kind]

  test("does not share a FiberRef that has a fork with other runs", function* () {
    const buffer = FiberRef.unsafeMake<Array<string>>([], { fork: () => [] })
    const seen: Array<ReadonlyArray<string>> = []
    const run = Effect.gen(function* () {
      const { id } = yield* CurrentTenant
      const own = yield* FiberRef.get(buffer)
      own.push(id)
      yield* Effect.yieldNow()
      seen.push([...own])
    })
    yield* Effect.locally(
      buildWorker(["a", "b", "c"], () => worker(run)),
      buffer,
      []
    )
    yield* minute
    yield* eventually("three runs", () => seen.length >= 3)
    expect(seen.slice(0, 3)).toEqual([["a"], ["b"], ["c"]])
  })

  test("logs and spans carry tenant and worker; its root span links to that of the builder", function* () {
    const spans: Array<Tracer.Span> = []
    const run = Effect.flatMap(Effect.orDie(Effect.currentSpan), (span) =>
      Effect.zipRight(
        Effect.log("at work"),
        Effect.sync(() => spans.push(span))
      )
    )
    const { builder, logs } = yield* Effect.gen(function* () {
      const { logs } = yield* buildWorker(["a"], () => worker(run))
      return { logs, builder: yield* Effect.currentSpan }
    }).pipe(Effect.withSpan("builder"), Effect.annotateLogs("service", "ledger"))
    yield* minute
    yield* eventually("a run", () => spans.length > 0)
    expect(spans[0]?.parent).toEqual(Option.none())
    expect(spans[0]?.links.map(({ span }) => span.spanId)).toEqual([builder.spanId])
    const fields = { tenant_id: "a", worker: "worker" }
    expect(Object.fromEntries(spans[0]?.attributes ?? [])).toEqual(fields)
    const line = logs.lines.find(({ message }) => message === "at work")
    expect(line?.annotations).toEqual({ ...fields, service: "ledger" })
  })

  test("has a scope of its own, also when it is retried", function* () {
    let acquired = 0
    let released = 0
    const run = Effect.acquireRelease(
      Effect.sync(() => acquired++),
      () => Effect.sync(() => released++)
    )
    yield* buildWorker(["a", "b"], () => worker(run))
    yield* minute
    yield* minute
    expect(acquired).toBeGreaterThanOrEqual(4)
    expect(released).toBe(acquired)
  })

  test("that does not end after a removal is left behind, and the tenant runs again", function* () {
    const { control, logs, probe, statusOf } = yield* buildWorker(["a"], (probe) =>
      worker(probe.run, { closeTimeout: "5 seconds" })
    )
    probe.otherwise = Effect.uninterruptible(Effect.never)
    yield* minute
    yield* control.remove("a")
    yield* settle
    yield* control.add("a")
    yield* settle
    expect((yield* statusOf("a"))?.state).toBe("Draining")
    expect(probe.active.size).toBe(1)
    probe.otherwise = Effect.never
    yield* TestClock.adjust("5 seconds")
    yield* minute
    expect((yield* statusOf("a"))?.state).toBe("Running")
    const warning = logs.lines.find(({ message }) => message.includes("leaving it behind"))
    expect(warning?.level).toBe("WARN")
    expect(warning?.annotations).toEqual({ tenant_id: "a", worker: "worker" })
  })

  test("may end within `drain` when the layer closes; then it is interrupted", function* () {
    const gate = yield* Deferred.make<void>()
    const { close, logs, probe } = yield* buildWorker(["ends", "never"], (probe) => {
      probe.behaviour.set("ends", Deferred.await(gate))
      return worker(endless(probe), { drain: "5 seconds" })
    })
    yield* minute
    const closing = yield* Effect.fork(close)
    yield* advance("4 seconds")
    expect(probe.ended).toEqual([])
    yield* Deferred.succeed(gate, undefined)
    yield* settle
    expect(probe.ended).toEqual([{ id: "ends", how: "done" }])
    expect(Option.isNone(yield* closing.poll)).toBe(true)
    yield* advance("1 second")
    yield* closing
    expect(probe.endsOf("never")).toEqual(["interrupted"])
    expect(logs.lines).toEqual([])
  })

  test("that does not end delays the close by no more than drain and closeTimeout", function* () {
    const { close, logs, probe } = yield* buildWorker(["a", "b"], (probe) => {
      probe.behaviour.set("a", Effect.uninterruptible(Effect.never))
      const slow = Effect.onInterrupt(Effect.never, () => Effect.sleep("2 seconds"))
      probe.behaviour.set("b", slow)
      return worker(probe.run, { drain: "10 seconds", closeTimeout: "5 seconds" })
    })
    yield* minute
    const closing = yield* Effect.fork(close)
    yield* advance("14 seconds")
    expect(probe.activeIds).toEqual(["a"])
    expect(Option.isNone(yield* closing.poll)).toBe(true)
    yield* TestClock.adjust("1 second")
    yield* closing
    const [warning] = logs.lines.filter(({ level }) => level === "WARN")
    expect(warning?.message).toContain("shutdown timed out: the interrupted runs of a did not end")
    expect(warning?.annotations).toEqual({ worker: "worker" })
  })

  test("does not begin after the discovery has closed", function* () {
    const { closeDiscovery, logs, probe } = yield* buildWorker(["a"], (probe) =>
      worker(endless(probe))
    )
    yield* minute
    yield* closeDiscovery
    yield* eventually("its end", () => probe.active.size === 0)
    const started = probe.started.length
    yield* minute
    yield* minute
    expect(probe.started.length).toBe(started)
    expect(logs.texts("WARN")).toEqual(["tenant view closed; stopping the worker"])
  })

  test("is interrupted when a pool revokes its resource", function* () {
    const name = `revoked-${kind}`
    let revoke = Effect.void
    const { probe, statusOf } = yield* buildWorker(
      ["a"],
      (probe) =>
        worker(
          revocable(endless(probe), (how) => (revoke = how)),
          { name }
        ),
      name
    )
    yield* minute
    yield* revoke
    yield* eventually("its end", () => probe.endsOf("a").at(-1) === "interrupted")
    yield* settle
    // perTenant work restarts at once, without backoff; a scheduled run waits for its next tick.
    expect(probe.started.length).toBe(kind === "perTenant" ? 2 : 1)
    expect(yield* metricValue("tenant_worker_interrupted_total", { worker: name })).toBe(1)
    expect((yield* statusOf("a"))?.lastFailure).toBeUndefined()
  })

  test("that fails is counted, and leaves a bounded text, also after it recovered", function* () {
    const name = `failing-${kind}`
    const makeWorker = (probe: Probe) => {
      probe.otherwise = Effect.fail(new Boom({ message: "x".repeat(100_000) }))
      return worker(probe.run, { name })
    }
    const { probe, statusOf } = yield* buildWorker(["a"], makeWorker, name)
    yield* minute
    probe.otherwise = Effect.never
    yield* minute
    expect((yield* statusOf("a"))?.lastFailure?.message).toMatch(/^Boom: x{494}$/)
    const failures = yield* metricValue("tenant_worker_failures_total", { worker: name })
    expect(failures).toBe(kind === "scheduled" ? 1 : 2)
  })

  it.scoped.each([-3_600_000, 3_600_000])(
    "keeps its backoff when the wall clock jumps by %i ms",
    (jump) =>
      withTestedClock(({ moveWallClock }) =>
        Effect.gen(function* () {
          const { probe } = yield* buildWorker(["a"], (probe) => {
            probe.otherwise = Effect.zipRight(Effect.sleep("50 seconds"), fails)
            return worker(probe.run, { backoff: Schedule.exponential("90 seconds") })
          })
          if (kind === "scheduled") yield* minute
          moveWallClock(jump)
          yield* advance("100 seconds")
          moveWallClock(jump)
          // Delays of 90 and 180 seconds: a run of 50 seconds does not reset them.
          yield* advance("39 seconds")
          expect(probe.started.length).toBe(1)
          yield* advance("46 seconds")
          expect(probe.started.length).toBe(2)
          // The second run is under way.
          moveWallClock(jump)
          yield* advance("3 minutes")
          expect(probe.started.length).toBe(2)
          yield* minute
          expect(probe.started.length).toBe(3)
        })
      )
  )

  test("is found by its worker's name: per service, also through a wrapped discovery", function* () {
    const { discovery, logs } = yield* buildWorker(["a"], (probe) =>
      Layer.merge(worker(endless(probe)), Layer.fresh(worker(probe.run)))
    )
    expect(logs.texts("WARN")).toEqual([
      expect.stringContaining('another worker is named "worker"')
    ])
    const find = (name: string, service: string) => {
      const get = Effect.map(discovery.status.get, (status) => ({ ...status, service }))
      const wrapped = { ...discovery, status: { ...discovery.status, get } }
      return Effect.provideService(TenantWorker.status(name), TenantDiscovery, wrapped)
    }
    yield* find("worker", "test-service")
    const error = yield* Effect.flip(find("worker", "other"))
    expect(error.message).toBe('no worker is named "worker"; running now: none')
    const unknown = yield* Effect.flip(find("unknown", "test-service"))
    expect(unknown.message).toContain('no worker is named "unknown"; running now: "worker"')
  })

  test("is counted under service, worker and the labels in force at build", function* () {
    const name = `counted-${kind}`
    const gauge = kind === "scheduled" ? "tenant_worker_active" : "tenant_consumers_active"
    const labels = { service: "test-service", worker: name, region: "eu" }
    const { close, control, probe } = yield* Effect.tagMetrics(
      buildWorker(["a", "b"], (probe) => worker(probe.run, { name })),
      "region",
      "eu"
    )
    // They exist before the first failure.
    expect(yield* metricValues("tenant_worker_failures_total", labels)).toMatchObject([
      { count: 0 }
    ])
    probe.otherwise = Effect.never
    yield* minute
    expect(yield* metricValue(gauge, labels)).toBe(2)
    yield* control.remove("a")
    yield* eventually("the end of a", () => probe.endsOf("a").at(-1) === "interrupted")
    yield* settle
    expect(yield* metricValue(gauge, labels)).toBe(1)
    expect(yield* metricValue("tenant_worker_interrupted_total", labels)).toBe(1)
    expect(yield* metricValue("tenant_worker_failures_total", labels)).toBe(0)
    const runs = kind === "scheduled" ? 1 : 3
    expect(yield* metricValue("tenant_worker_run_duration_seconds", labels)).toBe(runs)
    yield* close
    expect(yield* metricValues(gauge, labels)).toMatchObject([{ value: 0 }])
  })
})

test("perTenant work that a pool interrupts ends when its tenant is not active any more", function* () {
  const release = yield* Deferred.make<void>()
  let revoke = Effect.void
  const { control, probe, status } = yield* buildWorker(["a"], (probe) => {
    probe.otherwise = Effect.ensuring(Effect.never, Deferred.await(release))
    return kinds.perTenant(revocable(probe.run, (how) => (revoke = how)))
  })
  yield* revoke
  yield* control.remove("a")
  yield* settle
  yield* Deferred.succeed(release, undefined)
  yield* settle
  expect(probe.startsOf("a")).toBe(1)
  expect((yield* status).size).toBe(0)
})

describe("options", () => {
  const valid = { name: "a", schedule: Schedule.forever, run: Effect.void }
  const { perTenant, scheduled } = TenantWorker
  it.each([
    [() => scheduled({ ...valid, name: " " }), "name", '" "'],
    [() => scheduled({ ...valid, concurrency: 0 }), "concurrency", "0"],
    [() => scheduled({ ...valid, concurrency: Number.NaN }), "concurrency", "NaN"],
    [() => scheduled({ ...valid, drain: -1 }), "drain", "-1"],
    [() => scheduled({ ...valid, timeout: 0 }), "timeout", "0"],
    [() => perTenant({ ...valid, name: "" }), "name", '""'],
    [() => perTenant({ ...valid, maxTenants: 1.5 }), "maxTenants", "1.5"],
    [() => perTenant({ ...valid, startRate: 0 }), "startRate", "0"],
    [() => perTenant({ ...valid, closeTimeout: Infinity }), "closeTimeout", "Infinity"]
  ])("an invalid one throws when the layer is made (%#)", (make, option, value) => {
    expect(make).toThrow(RangeError)
    expect(make).toThrow(`option "${option}"`)
    expect(make).toThrow(value)
  })
})

import { describe, expect, it } from "@effect/vitest"
import { Cron, Deferred, Effect, Layer, Schedule, TestClock } from "effect"
import * as TenantWorker from "../../src/TenantWorker.js"
import { TestTenantDiscovery } from "../../src/testing.js"
import { metricValue } from "../core/harness.js"
import {
  advance,
  Boom,
  buildWorker,
  eventually,
  fails,
  ids,
  settle,
  test,
  withTestedClock
} from "./support.js"

type Options = Partial<Parameters<typeof TenantWorker.scheduled<Boom, never>>[0]>

/** Enough for one tick. */
const minute = advance("1 minute")
const minutes = (count: number) => Effect.repeatN(minute, count - 1)

/** A worker that ticks each minute over a test double, in the test's scope. */
const setUp = (tenants: ReadonlyArray<string>, options: Options = {}) =>
  buildWorker(
    tenants,
    (probe) =>
      TenantWorker.scheduled({
        name: "worker",
        schedule: Schedule.spaced("1 minute"),
        drain: 0,
        ...options,
        run: probe.run
      }),
    options.name
  )

describe("a tick", () => {
  test("runs for every active tenant, at each recurrence of the schedule", function* () {
    const { probe } = yield* setUp(ids(3))
    expect(probe.started).toEqual([])
    yield* minute
    expect(probe.started).toEqual(ids(3))
    yield* minute
    expect(probe.started).toEqual([...ids(3), ...ids(3)])
  })

  test("keeps to `concurrency` across ticks", function* () {
    const { probe } = yield* setUp(ids(10), { concurrency: 3 })
    probe.otherwise = Effect.sleep("100 seconds")
    yield* minutes(4)
    expect(probe.most).toBe(3)
    expect(probe.started.length).toBeGreaterThan(3)
  })

  test("continues where the last one stopped, with one warning", function* () {
    const { logs, probe } = yield* setUp(ids(10), { concurrency: 1 })
    probe.otherwise = Effect.sleep("20 seconds")
    yield* minutes(11)
    // Three a minute: each tenant has its turn within four ticks.
    expect(probe.started.slice(0, 30)).toEqual([...ids(10), ...ids(10), ...ids(10)])
    expect(logs.texts("WARN")).toHaveLength(1)
  })

  test("follows a cron expression, with sleeps that a timer can hold", function* () {
    const cron = Cron.unsafeParse("0 0 1 3 *", "UTC")
    const { probe } = yield* setUp(["a"], { schedule: Schedule.cron(cron) })
    for (const wakeAt of yield* TestClock.sleeps()) expect(wakeAt).toBeLessThan(2 ** 31)
    yield* TestClock.adjust("58 days")
    expect(probe.started).toEqual([])
    yield* TestClock.adjust("1 day")
    yield* eventually("the tick", () => probe.started.length === 1)
  })
})

it.scopedLive("timers have their turn among runs that wait for no I/O", () =>
  Effect.gen(function* () {
    const count = 500
    let started = 0
    let startedBeforeTimer = count
    const run = Effect.sync(() => {
      started++
      if (started === 1) {
        setTimeout(() => {
          startedBeforeTimer = started
        }, 0)
      }
      const end = performance.now() + 1
      while (performance.now() < end);
    })
    yield* TenantWorker.scheduled({
      name: "worker",
      schedule: Schedule.spaced("10 millis"),
      concurrency: 4,
      run: Effect.zipRight(
        Effect.promise(() => Promise.resolve()),
        run
      )
    }).pipe(Layer.provide(TestTenantDiscovery.layer(ids(count))), Layer.build)
    yield* eventually("a tick", () => started >= count)
    expect(startedBeforeTimer).toBeLessThan(count / 2)
  })
)

describe("a failure", () => {
  test("or a defect is logged once with its cause and does not affect other tenants", function* () {
    const { logs, probe } = yield* setUp(["bad", "good", "worse"])
    probe.behaviour.set("bad", Effect.fail(new Boom({ message: "no luck" })))
    probe.behaviour.set("worse", Effect.die(new Error("a bug")))
    yield* minutes(2)
    expect(probe.endsOf("good")).toEqual(["done", "done"])
    expect(probe.endsOf("bad")).toEqual(["failed", "failed"])
    expect(probe.endsOf("worse")).toEqual(["failed", "failed"])
    const warnings = logs.lines.filter(({ level }) => level === "WARN")
    expect(warnings.slice(0, 2).map(({ annotations }) => annotations)).toEqual([
      { tenant_id: "bad", worker: "worker" },
      { tenant_id: "worse", worker: "worker" }
    ])
    expect(warnings[0]?.message).toBe("run failed; running again at the tenant's next turn")
    expect(warnings[0]?.cause).toContain("no luck")
  })

  test("of many tenants writes a line at each transition, and one summary per minute", function* () {
    const { logs, probe } = yield* setUp(ids(20), {
      schedule: Schedule.spaced("1 second"),
      concurrency: 20
    })
    probe.otherwise = Effect.fail(new Boom({ message: "x".repeat(10_000) }))
    yield* advance("59 seconds")
    expect(logs.texts("WARN")).toEqual(
      ids(20).map(() => "run failed; running again at the tenant's next turn")
    )
    yield* advance("2 seconds")
    const [summary, ...others] = logs.texts("WARN").slice(20)
    expect(others).toEqual([])
    expect(summary).toMatch(
      /^runs keep failing \(failures in the last minute: 1\d\d\d, tenants: 20\); for example tenant-\d+: Boom: x+$/
    )
    expect(summary?.length).toBeLessThan(700)
    probe.otherwise = Effect.void
    yield* advance("1 second")
    expect(logs.texts("INFO")).toHaveLength(20)
    expect(logs.texts("INFO")[0]).toMatch(/^run recovered; failures in a row: 6\d$/)
  })

  test("is retried within the turn by `retry`", function* () {
    const { probe } = yield* setUp(["a"], { retry: Schedule.recurs(2) })
    probe.otherwise = fails
    yield* minute
    expect(probe.startsOf("a")).toBe(3)
  })

  test("is recorded for a run that exceeds `timeout`, which is interrupted", function* () {
    const { logs, probe } = yield* setUp(["slow"], { timeout: "10 seconds" })
    probe.otherwise = Effect.never
    yield* minute
    yield* advance("10 seconds")
    expect(probe.endsOf("slow")).toEqual(["interrupted"])
    expect(logs.lines.some(({ cause }) => cause.includes("TimeoutException"))).toBe(true)
    yield* minute
    expect(probe.startsOf("slow")).toBe(2)
  })

  test("skips its tenant alone for `failureBackoff`, until a success", function* () {
    const { probe, statusOf } = yield* setUp(["bad", "good"], {
      failureBackoff: Schedule.exponential("90 seconds")
    })
    probe.behaviour.set("bad", fails)
    yield* minute
    expect(yield* statusOf("bad")).toMatchObject({ state: "BackingOff", restarts: 1 })
    yield* minute
    expect(probe.startsOf("bad")).toBe(1)
    yield* minute
    expect(probe.startsOf("bad")).toBe(2)
    // 90 s, then 180 s.
    yield* minutes(2)
    expect(probe.startsOf("bad")).toBe(2)
    probe.behaviour.delete("bad")
    yield* minutes(2)
    expect(probe.startsOf("bad")).toBe(4)
    expect(probe.startsOf("good")).toBe(7)
    expect(yield* statusOf("bad")).toBeUndefined()
  })
})

describe("a removal", () => {
  test("lets the run continue for `removalGrace`", function* () {
    const { control, probe, statusOf } = yield* setUp(["a", "b"], { removalGrace: "5 seconds" })
    const gate = yield* Deferred.make<void>()
    probe.behaviour.set("a", Effect.never)
    probe.behaviour.set("b", Deferred.await(gate))
    yield* minute
    yield* control.remove("a")
    yield* control.remove("b")
    yield* settle
    expect(probe.activeIds).toEqual(["a", "b"])
    expect((yield* statusOf("a"))?.state).toBe("Draining")
    yield* Deferred.succeed(gate, undefined)
    yield* advance("4 seconds")
    expect(probe.endsOf("b")).toEqual(["done"])
    expect(probe.activeIds).toEqual(["a"])
    yield* advance("1 second")
    yield* eventually("the end of a", () => probe.endsOf("a").length === 1)
    expect(probe.endsOf("a")).toEqual(["interrupted"])
  })

  it.scoped("does not interrupt a run whose tenant is active again within the grace", () =>
    withTestedClock(({ sleeping }) =>
      Effect.gen(function* () {
        const { control, probe, statusOf } = yield* setUp(["a"], { removalGrace: "10 minutes" })
        const gate = yield* Deferred.make<void>()
        probe.otherwise = Deferred.await(gate)
        yield* minute
        const before = sleeping()
        for (let flap = 0; flap < 10; flap++) {
          yield* control.remove("a")
          yield* settle
          expect(sleeping()).toBe(before + 1)
          yield* control.add("a")
          yield* settle
        }
        expect((yield* statusOf("a"))?.state).toBe("Running")
        expect(sleeping()).toBe(before)
        yield* TestClock.adjust("11 minutes")
        expect(probe.ended).toEqual([])
        const now = sleeping()
        yield* control.remove("a")
        yield* settle
        yield* Deferred.succeed(gate, undefined)
        yield* eventually("its end", () => probe.ended.length === 1)
        yield* settle
        expect(sleeping()).toBe(now)
      })
    )
  )

  test("interrupts the run also when the tenant is added again at once", function* () {
    const { control, probe } = yield* setUp(["a"])
    probe.otherwise = Effect.never
    yield* minute
    yield* Effect.zipRight(control.remove("a"), control.add("a"))
    yield* eventually("the end", () => probe.endsOf("a").length === 1)
    yield* minute
    expect(probe.startsOf("a")).toBe(2)
    expect(probe.mostOfOne).toBe(1)
  })
})

describe("a long run", () => {
  test("is reported once with tenant and age, counted and shown in the status", function* () {
    const { logs, probe, statusOf } = yield* setUp(["hangs", "quick"], {
      name: "long",
      schedule: Schedule.spaced("30 seconds"),
      overlap: "wait"
    })
    probe.behaviour.set("hangs", Effect.never)
    yield* advance("30 seconds")
    // Ten intervals of 30 seconds.
    yield* advance("299 seconds")
    expect(logs.lines).toEqual([])
    yield* advance("1 second")
    yield* advance("10 minutes")
    expect(logs.lines).toMatchObject([
      {
        level: "WARN",
        message: "run is under way for 5m; it keeps its place until it ends",
        annotations: { tenant_id: "hangs", worker: "long" }
      }
    ])
    expect((yield* statusOf("hangs"))?.longRunning).toBe(true)
    expect(yield* metricValue("tenant_worker_long_runs_total", { worker: "long" })).toBe(1)
  })

  it.scoped.each([
    [undefined, 60],
    ["5 seconds", 5]
  ] as const)("with `longRunAfter` %s and short intervals is one after %i s", ([after, seconds]) =>
    Effect.gen(function* () {
      const options = { schedule: Schedule.spaced("1 second"), longRunAfter: after }
      const { logs, probe } = yield* setUp(["a"], options)
      probe.otherwise = Effect.never
      yield* advance(`${seconds} seconds`)
      expect(logs.texts("WARN")).toEqual([])
      yield* advance("1 second")
      expect(logs.texts("WARN")).toHaveLength(1)
    })
  )
})

describe("overlap", () => {
  test("skip: a tick skips only the tenants that still run", function* () {
    const { probe } = yield* setUp(["slow", "quick"])
    probe.behaviour.set("slow", Effect.never)
    yield* minutes(3)
    expect(probe.startsOf("slow")).toBe(1)
    expect(probe.startsOf("quick")).toBe(3)
  })

  test("wait: the next tick waits for all runs", function* () {
    const { probe } = yield* setUp(["slow", "quick"], { overlap: "wait" })
    const gate = yield* Deferred.make<void>()
    probe.behaviour.set("slow", Deferred.await(gate))
    yield* minutes(3)
    expect(probe.startsOf("quick")).toBe(1)
    yield* Deferred.succeed(gate, undefined)
    yield* settle
    yield* minute
    expect(probe.startsOf("quick")).toBe(2)
    expect(probe.startsOf("slow")).toBe(2)
  })
})

test("requireFresh skips ticks over a stale view with one warning, and resumes", function* () {
  const { control, logs, probe } = yield* setUp(["a"], { requireFresh: "3 minutes" })
  yield* minute
  expect(probe.started).toHaveLength(1)
  yield* control.setStatus("Resyncing")
  yield* control.setAge("10 minutes")
  yield* minutes(2)
  expect(probe.started).toHaveLength(1)
  yield* control.setStatus("Live")
  yield* minute
  expect(probe.started).toHaveLength(2)
  expect(logs.lines.map(({ level }) => level)).toEqual(["WARN", "INFO"])
  expect(logs.lines[0]?.annotations).toEqual({ worker: "worker" })
})

test("the status lists running and waiting tenants", function* () {
  const { probe, status } = yield* setUp(["a", "b"], { concurrency: 1 })
  probe.otherwise = Effect.never
  yield* minute
  expect([...(yield* status)].map(([id, { since, state }]) => [id, state, since])).toEqual([
    ["b", "Waiting", 60_000],
    ["a", "Running", 60_000]
  ])
})

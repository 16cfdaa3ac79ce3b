import { describe, expect, it } from "@effect/vitest"
import {
  Cron,
  Deferred,
  Duration,
  Effect,
  Exit,
  Layer,
  Option,
  Schedule,
  Scope,
  TestClock
} from "effect"
import { TenantDiscovery, TenantId } from "../../src/index.js"
import * as TenantWorker from "../../src/TenantWorker.js"
import { TestTenantDiscovery } from "../../src/testing.js"
import { Boom, captureLogs, eventually, Probe, settle } from "./support.js"

const ids = (count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, i) => `tenant-${i}`)

type Options = Partial<Parameters<typeof TenantWorker.scheduled<Boom, never>>[0]>

/** A worker that ticks each minute over a double of the discovery, in the test's scope. */
const setUp = (tenants: ReadonlyArray<string>, options: Options = {}) =>
  Effect.gen(function* () {
    const probe = new Probe()
    const logs = captureLogs()
    const scope = yield* Scope.make()
    yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
    const worker = TenantWorker.scheduled({
      name: "job",
      schedule: Schedule.spaced("1 minute"),
      drain: 0,
      ...options,
      run: probe.run
    })
    const context = yield* Layer.buildWithScope(
      worker.pipe(
        Layer.provideMerge(TestTenantDiscovery.layer(tenants)),
        Layer.provide(logs.layer)
      ),
      scope
    )
    const discovery = yield* Effect.provide(TenantDiscovery, context)
    const control = yield* Effect.provide(TestTenantDiscovery, context)
    const status = Effect.provideService(TenantWorker.status("job"), TenantDiscovery, discovery)
    const minute = Effect.zipRight(TestClock.adjust("1 minute"), settle)
    yield* settle
    return { probe, logs, control, status, minute, close: Scope.close(scope, Exit.void) }
  })

describe("a tick", () => {
  it.scoped("runs for every active tenant, at each recurrence of the schedule", () =>
    Effect.gen(function* () {
      const { minute, probe } = yield* setUp(ids(3))
      expect(probe.started).toEqual([])
      yield* minute
      expect(probe.started).toEqual(ids(3))
      yield* minute
      expect(probe.started).toEqual([...ids(3), ...ids(3)])
    })
  )

  it.scoped("follows a cron", () =>
    Effect.gen(function* () {
      const cron = Cron.unsafeParse("0 3 * * *", "UTC")
      const { probe } = yield* setUp(ids(2), { schedule: Schedule.cron(cron) })
      yield* TestClock.setTime(Duration.toMillis("2 hours"))
      yield* settle
      expect(probe.started).toEqual([])
      yield* TestClock.setTime(Duration.toMillis("3 hours"))
      yield* eventually("the tick", () => probe.started.length === 2)
    })
  )

  it.scoped("knows who came and who left since the last", () =>
    Effect.gen(function* () {
      const { control, minute, probe } = yield* setUp(["a", "b"])
      yield* minute
      yield* control.add("c")
      yield* control.remove("a")
      yield* minute
      expect(probe.started).toEqual(["a", "b", "b", "c"])
    })
  )

  it.scoped("starts no more than `concurrency` at once, ticks after it included", () =>
    Effect.gen(function* () {
      const { minute, probe } = yield* setUp(ids(10), { concurrency: 3 })
      probe.otherwise = Effect.sleep("100 seconds")
      yield* minute
      yield* minute
      yield* minute
      yield* minute
      expect(probe.most).toBe(3)
      expect(probe.started.length).toBeGreaterThan(3)
    })
  )
})

describe("a failure", () => {
  it.scoped("or a defect is logged with its cause, and touches nobody else", () =>
    Effect.gen(function* () {
      const { logs, minute, probe } = yield* setUp(["bad", "good", "worse"])
      probe.behaviour.set("bad", Effect.fail(new Boom({ message: "no luck" })))
      probe.behaviour.set("worse", Effect.die(new Error("a bug")))
      yield* minute
      yield* minute
      expect(probe.endsOf("good")).toEqual(["done", "done"])
      expect(probe.endsOf("bad")).toEqual(["failed", "failed"])
      expect(probe.endsOf("worse")).toEqual(["failed", "failed"])
      const errors = logs.lines.filter(({ level }) => level === "ERROR")
      expect(errors.map(({ annotations }) => annotations)).toEqual([
        { tenant_id: "bad", worker: "job" },
        { tenant_id: "worse", worker: "job" },
        { tenant_id: "bad", worker: "job" },
        { tenant_id: "worse", worker: "job" }
      ])
      expect(errors[0]?.cause).toContain("no luck")
    })
  )

  it.scoped("is tried again by `retry`, within the turn", () =>
    Effect.gen(function* () {
      const { minute, probe } = yield* setUp(["a"], { retry: Schedule.recurs(2) })
      probe.otherwise = Effect.fail(new Boom({ message: "no" }))
      yield* minute
      expect(probe.startsOf("a")).toBe(3)
    })
  )

  it.scoped("is what a run is that takes longer than `timeout`, and it is interrupted", () =>
    Effect.gen(function* () {
      const { logs, minute, probe } = yield* setUp(["slow", "quick"], { timeout: "10 seconds" })
      probe.behaviour.set("slow", Effect.never)
      yield* minute
      yield* TestClock.adjust("10 seconds")
      yield* settle
      expect(probe.endsOf("slow")).toEqual(["interrupted"])
      expect(logs.lines.some(({ cause }) => cause.includes("TimeoutException"))).toBe(true)
      yield* minute
      expect(probe.startsOf("slow")).toBe(2)
    })
  )

  it.scoped("backs its tenant off, alone, until a success", () =>
    Effect.gen(function* () {
      const { minute, probe, status } = yield* setUp(["bad", "good"], {
        failureBackoff: Schedule.exponential("90 seconds")
      })
      probe.behaviour.set("bad", Effect.fail(new Boom({ message: "no" })))
      yield* minute
      expect((yield* status).get(TenantId.make("bad"))).toMatchObject({
        state: "BackingOff",
        restarts: 1
      })
      yield* minute
      expect(probe.startsOf("bad")).toBe(1)
      yield* minute
      expect(probe.startsOf("bad")).toBe(2)
      // 90 s, then 180 s.
      yield* minute
      yield* minute
      expect(probe.startsOf("bad")).toBe(2)
      probe.behaviour.delete("bad")
      yield* minute
      yield* minute
      expect(probe.startsOf("bad")).toBe(4)
      expect(probe.startsOf("good")).toBe(7)
      expect((yield* status).has(TenantId.make("bad"))).toBe(false)
    })
  )
})

describe("a removal", () => {
  it.scoped("after the tick and before the turn: no run begins", () =>
    Effect.gen(function* () {
      const { control, minute, probe } = yield* setUp(["first", "second"], { concurrency: 1 })
      const gate = yield* Deferred.make<void>()
      probe.behaviour.set("first", Deferred.await(gate))
      yield* minute
      yield* control.remove("second")
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      expect(probe.started).toEqual(["first"])
    })
  )

  it.scoped("during the run: it is interrupted at once", () =>
    Effect.gen(function* () {
      const { control, minute, probe } = yield* setUp(["a", "b"])
      probe.otherwise = Effect.never
      yield* minute
      yield* control.remove("a")
      yield* eventually("the end of a", () => probe.ended.length === 1)
      expect(probe.endsOf("a")).toEqual(["interrupted"])
      expect(probe.activeIds).toEqual(["b"])
    })
  )

  it.scoped("leaves a run its grace, and no more", () =>
    Effect.gen(function* () {
      const { control, minute, probe, status } = yield* setUp(["a", "b"], {
        removalGrace: "5 seconds"
      })
      const gate = yield* Deferred.make<void>()
      probe.behaviour.set("a", Effect.never)
      probe.behaviour.set("b", Deferred.await(gate))
      yield* minute
      yield* control.remove("a")
      yield* control.remove("b")
      yield* settle
      expect(probe.activeIds).toEqual(["a", "b"])
      expect((yield* status).get(TenantId.make("a"))?.state).toBe("Draining")
      yield* Deferred.succeed(gate, undefined)
      yield* TestClock.adjust("4 seconds")
      expect(probe.endsOf("b")).toEqual(["done"])
      expect(probe.activeIds).toEqual(["a"])
      yield* TestClock.adjust("1 seconds")
      yield* eventually("the end of a", () => probe.endsOf("a").length === 1)
      expect(probe.endsOf("a")).toEqual(["interrupted"])
    })
  )

  it.scoped("of a tenant that came back meanwhile ends the run of its former life", () =>
    Effect.gen(function* () {
      const { control, minute, probe } = yield* setUp(["a"])
      probe.otherwise = Effect.never
      yield* minute
      yield* Effect.zipRight(control.remove("a"), control.add("a"))
      yield* eventually("the end", () => probe.endsOf("a").length === 1)
      yield* minute
      expect(probe.startsOf("a")).toBe(2)
      expect(probe.mostOfOne).toBe(1)
    })
  )
})

describe("overlap", () => {
  it.scoped("skip: a tenant that still runs is left out, the others are not", () =>
    Effect.gen(function* () {
      const { minute, probe } = yield* setUp(["slow", "quick"])
      probe.behaviour.set("slow", Effect.never)
      yield* minute
      yield* minute
      yield* minute
      expect(probe.startsOf("slow")).toBe(1)
      expect(probe.startsOf("quick")).toBe(3)
    })
  )

  it.scoped("wait: the next tick comes after the last run", () =>
    Effect.gen(function* () {
      const { minute, probe } = yield* setUp(["slow", "quick"], { overlap: "wait" })
      const gate = yield* Deferred.make<void>()
      probe.behaviour.set("slow", Deferred.await(gate))
      yield* minute
      yield* minute
      yield* minute
      expect(probe.startsOf("quick")).toBe(1)
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      yield* minute
      expect(probe.startsOf("quick")).toBe(2)
      expect(probe.startsOf("slow")).toBe(2)
    })
  )

  it.scoped("a tick begins where the last one stopped", () =>
    Effect.gen(function* () {
      const { logs, minute, probe } = yield* setUp(ids(10), { concurrency: 1 })
      probe.otherwise = Effect.sleep("20 seconds")
      for (let tick = 0; tick < 11; tick++) yield* minute
      // Three a minute: all ten within four ticks, in a ring.
      expect(probe.started.slice(0, 30)).toEqual([...ids(10), ...ids(10), ...ids(10)])
      expect(logs.lines.filter(({ level }) => level === "WARN")).toHaveLength(1)
    })
  )
})

describe("requireFresh", () => {
  it.scoped("leaves ticks out with one warning, and goes on by itself", () =>
    Effect.gen(function* () {
      const { control, logs, minute, probe } = yield* setUp(["a"], { requireFresh: "3 minutes" })
      yield* minute
      expect(probe.started).toHaveLength(1)
      yield* control.setStatus("Resyncing")
      yield* control.setAge("10 minutes")
      yield* minute
      yield* minute
      expect(probe.started).toHaveLength(1)
      expect(logs.lines.map(({ level }) => level)).toEqual(["WARN"])
      expect(logs.lines[0]?.annotations).toEqual({ worker: "job" })
      yield* control.setStatus("Live")
      yield* minute
      expect(probe.started).toHaveLength(2)
      expect(logs.lines.map(({ level }) => level)).toEqual(["WARN", "INFO"])
    })
  )
})

describe("close", () => {
  it.scoped("lets runs end within `drain`, and begins none", () =>
    Effect.gen(function* () {
      const { close, minute, probe } = yield* setUp(ids(3), { concurrency: 2, drain: "10 seconds" })
      probe.otherwise = Effect.sleep("5 seconds")
      yield* minute
      const closing = yield* Effect.fork(close)
      yield* settle
      expect(probe.activeIds).toEqual(["tenant-0", "tenant-1"])
      yield* TestClock.adjust("5 seconds")
      yield* closing
      expect(probe.started).toHaveLength(2)
      expect(probe.ended.map(({ how }) => how)).toEqual(["done", "done"])
    })
  )

  it.scoped("interrupts what has not ended after `drain`, and awaits its finalizers", () =>
    Effect.gen(function* () {
      const { close, minute, probe } = yield* setUp(ids(2), { drain: "10 seconds" })
      probe.otherwise = Effect.never
      yield* minute
      const closing = yield* Effect.fork(close)
      yield* TestClock.adjust("9 seconds")
      yield* settle
      expect(Option.isNone(yield* closing.poll)).toBe(true)
      expect(probe.ended).toEqual([])
      yield* TestClock.adjust("1 second")
      yield* closing
      expect(probe.ended).toEqual([
        { id: "tenant-0", how: "interrupted" },
        { id: "tenant-1", how: "interrupted" }
      ])
    })
  )
})

describe("status", () => {
  it.scoped("tells who runs and who waits, and knows the names", () =>
    Effect.gen(function* () {
      const { minute, probe, status } = yield* setUp(["a", "b"], { concurrency: 1 })
      probe.otherwise = Effect.never
      yield* minute
      const snapshot = yield* status
      expect([...snapshot].map(([id, { since, state }]) => [id, state, since])).toEqual([
        ["b", "Waiting", 60_000],
        ["a", "Running", 60_000]
      ])
      const error = yield* TenantWorker.status("other").pipe(
        Effect.flip,
        Effect.provide(TestTenantDiscovery.layer())
      )
      expect(error.message).toContain('"other"')
    })
  )
})

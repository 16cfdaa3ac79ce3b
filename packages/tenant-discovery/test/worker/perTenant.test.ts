import { describe, expect, it } from "@effect/vitest"
import {
  ConfigProvider,
  Deferred,
  Effect,
  Exit,
  Layer,
  Metric,
  Option,
  Schedule,
  Scope,
  TestClock
} from "effect"
import { TenantId } from "../../src/Tenant.js"
import { TenantDiscovery } from "../../src/TenantDiscovery.js"
import * as TenantWorker from "../../src/TenantWorker.js"
import { TestTenantDiscovery } from "../../src/testing.js"
import { Boom, captureLogs, eventually, Probe, settle } from "./support.js"

const ids = (count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, i) => `tenant-${i}`)

type Options = Partial<TenantWorker.PerTenantOptions<Boom, never>>

/** A worker over a double of the discovery, whose work goes on for ever unless told otherwise. */
const setUp = (tenants: ReadonlyArray<string>, options: Options = {}) =>
  Effect.gen(function* () {
    const probe = new Probe()
    probe.otherwise = Effect.never
    const logs = captureLogs()
    const scope = yield* Scope.make()
    yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
    const worker = TenantWorker.perTenant({
      name: "relay",
      startRate: Number.POSITIVE_INFINITY,
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
    const status = Effect.provideService(TenantWorker.status("relay"), TenantDiscovery, discovery)
    const stateOf = (id: string) =>
      Effect.map(status, (snapshot) => snapshot.get(TenantId.make(id))?.state)
    yield* settle
    return { probe, logs, control, status, stateOf, close: Scope.close(scope, Exit.void) }
  })

describe("starting", () => {
  it.scoped("for those present, for each that comes, and until it leaves", () =>
    Effect.gen(function* () {
      const { control, probe, status } = yield* setUp(["a", "b"])
      expect(probe.activeIds).toEqual(["a", "b"])
      yield* control.add("c")
      yield* eventually("c", () => probe.active.size === 3)
      yield* control.remove("a")
      yield* eventually("the end of a", () => probe.endsOf("a").length === 1)
      expect(probe.endsOf("a")).toEqual(["interrupted"])
      expect(probe.activeIds).toEqual(["b", "c"])
      expect([...(yield* status).keys()]).toEqual(["b", "c"])
    })
  )

  it.scoped("keeps to the rate", () =>
    Effect.gen(function* () {
      const { probe, stateOf } = yield* setUp(ids(1000), {
        startRate: undefined,
        maxTenants: 1000
      })
      expect(probe.started.length).toBe(1)
      expect(yield* stateOf("tenant-999")).toBe("Waiting")
      for (let i = 1; i <= 10; i++) yield* TestClock.adjust("100 millis")
      // A hundred a second, each distance between half and one and a half of the mean.
      expect(probe.started.length).toBeGreaterThan(80)
      expect(probe.started.length).toBeLessThan(130)
    })
  )

  it.scoped("over `maxTenants` they wait in order of arrival, and none is lost", () =>
    Effect.gen(function* () {
      const { control, probe, stateOf } = yield* setUp(["a", "b", "c"], { maxTenants: 2 })
      expect(probe.activeIds).toEqual(["a", "b"])
      yield* control.add("d")
      yield* settle
      expect([yield* stateOf("c"), yield* stateOf("d")]).toEqual(["Waiting", "Waiting"])
      yield* control.remove("b")
      yield* eventually("c", () => probe.active.size === 2 && probe.startsOf("c") === 1)
      expect(probe.startsOf("d")).toBe(0)
      yield* control.remove("a")
      yield* eventually("d", () => probe.startsOf("d") === 1)
      expect(probe.most).toBe(2)
    })
  )

  it.scoped("passes over one that left while it waited", () =>
    Effect.gen(function* () {
      const { control, probe } = yield* setUp(["a", "b", "c"], { maxTenants: 1 })
      yield* control.remove("b")
      yield* control.remove("a")
      yield* eventually("c", () => probe.startsOf("c") === 1)
      expect(probe.startsOf("b")).toBe(0)
    })
  )

  it.scoped("takes `maxTenants` from the environment, and says what is wrong there", () =>
    Effect.gen(function* () {
      const withLimit = (limit: string) =>
        Layer.setConfigProvider(
          ConfigProvider.fromMap(new Map([["MULTI_TENANT_MAX_TENANT_POOLS", limit]]))
        )
      const probe = new Probe()
      probe.otherwise = Effect.never
      const worker = TenantWorker.perTenant({
        name: "relay",
        run: probe.run,
        startRate: Number.POSITIVE_INFINITY
      }).pipe(Layer.provide(TestTenantDiscovery.layer(ids(5))))
      yield* Layer.build(Layer.provide(worker, withLimit("2")))
      yield* settle
      expect(probe.active.size).toBe(2)
      const exit = yield* Effect.exit(
        Effect.scoped(Layer.build(Layer.provide(worker, withLimit("many"))))
      )
      expect(JSON.stringify(exit)).toContain("MULTI_TENANT_MAX_TENANT_POOLS")
    })
  )
})

describe("a tenant that comes back", () => {
  it.scoped("begins again when the finalizers of its former life are through", () =>
    Effect.gen(function* () {
      const { control, probe, stateOf } = yield* setUp(["a"])
      const release = yield* Deferred.make<void>()
      probe.behaviour.set("a", Effect.ensuring(Effect.never, Deferred.await(release)))
      yield* control.remove("a")
      yield* settle
      // Its first life began before the behaviour was told, so let it have a second.
      yield* control.add("a")
      yield* eventually("the second life", () => probe.startsOf("a") === 2)
      yield* control.remove("a")
      yield* settle
      expect(yield* stateOf("a")).toBe("Draining")
      yield* control.add("a")
      yield* settle
      expect(yield* stateOf("a")).toBe("Draining")
      expect(probe.startsOf("a")).toBe(2)
      yield* Deferred.succeed(release, undefined)
      yield* eventually("the third life", () => probe.startsOf("a") === 3)
      expect(probe.mostOfOne).toBe(1)
    })
  )

  it.scoped("and leaves again while it drains does not begin", () =>
    Effect.gen(function* () {
      const { control, probe, status } = yield* setUp([])
      const release = yield* Deferred.make<void>()
      probe.behaviour.set("a", Effect.ensuring(Effect.never, Deferred.await(release)))
      yield* control.add("a")
      yield* eventually("a", () => probe.startsOf("a") === 1)
      yield* control.remove("a")
      yield* settle
      yield* control.add("a")
      yield* settle
      yield* control.remove("a")
      yield* settle
      yield* Deferred.succeed(release, undefined)
      yield* eventually("its end", () => probe.ended.length === 1)
      yield* settle
      expect(probe.startsOf("a")).toBe(1)
      expect((yield* status).size).toBe(0)
    })
  )
})

describe("work that fails or ends", () => {
  it.scoped("backs off as told, and a good life starts it anew", () =>
    Effect.gen(function* () {
      const { control, logs, probe, status } = yield* setUp(["other"], {
        restart: Schedule.exponential("1 second")
      })
      const a = TenantId.make("a")
      const fail = Effect.fail(new Boom({ message: "no luck" }))
      probe.behaviour.set("a", fail)
      yield* control.add("a")
      yield* eventually("the first failure", () => probe.startsOf("a") === 1)
      yield* settle
      expect((yield* status).get(a)).toMatchObject({ state: "BackingOff", restarts: 0 })
      yield* TestClock.adjust("1 second")
      yield* settle
      expect(probe.startsOf("a")).toBe(2)
      yield* TestClock.adjust("1999 millis")
      yield* settle
      expect(probe.startsOf("a")).toBe(2)
      // From now on it lives for a minute.
      probe.behaviour.set("a", Effect.zipRight(Effect.sleep("1 minute"), fail))
      yield* TestClock.adjust("1 millis")
      yield* settle
      expect((yield* status).get(a)).toMatchObject({ state: "Running", restarts: 2 })
      yield* TestClock.adjust("1 minute")
      yield* settle
      const resting = (yield* status).get(a)
      expect(resting?.state).toBe("BackingOff")
      expect(resting?.lastFailure?.message).toContain("no luck")
      yield* TestClock.adjust("1 second")
      yield* settle
      expect(probe.startsOf("a")).toBe(4)
      const warnings = logs.lines.filter(({ level }) => level === "WARN")
      expect(warnings).toHaveLength(3)
      expect(warnings[0]?.annotations).toEqual({ tenant_id: "a", worker: "relay" })
      expect(probe.startsOf("other")).toBe(1)
    })
  )

  it.scoped("stays ended when its restarts are used up, or when it just ended", () =>
    Effect.gen(function* () {
      const { control, logs, probe, stateOf } = yield* setUp([], {
        restart: Schedule.recurs(1),
        maxTenants: 1
      })
      probe.behaviour.set("fails", Effect.die(new Error("a bug")))
      probe.behaviour.set("ends", Effect.void)
      for (const id of ["fails", "ends", "lives"]) yield* control.add(id)
      yield* eventually("the last", () => probe.activeIds.includes("lives"))
      expect(probe.startsOf("fails")).toBe(2)
      expect(probe.startsOf("ends")).toBe(1)
      expect([yield* stateOf("fails"), yield* stateOf("ends")]).toEqual(["Ended", "Ended"])
      expect(logs.lines.map(({ level }) => level)).toEqual(["WARN", "ERROR"])
    })
  )

  it.scoped("begins again with `restartOnEnd`, after the delay", () =>
    Effect.gen(function* () {
      const { control, probe } = yield* setUp([], {
        restart: Schedule.spaced("10 seconds")
      })
      probe.otherwise = Effect.void
      yield* control.add("a")
      yield* eventually("a", () => probe.startsOf("a") === 1)
      yield* TestClock.adjust("10 seconds")
      yield* settle
      expect(probe.startsOf("a")).toBe(2)
    })
  )

  it.scoped("is not begun again for a tenant that left while it backed off", () =>
    Effect.gen(function* () {
      const { control, probe, status } = yield* setUp([], { restart: Schedule.spaced("1 minute") })
      probe.otherwise = Effect.fail(new Boom({ message: "no" }))
      yield* control.add("a")
      yield* eventually("a", () => probe.startsOf("a") === 1)
      yield* control.remove("a")
      yield* settle
      yield* TestClock.adjust("1 hour")
      yield* settle
      expect(probe.startsOf("a")).toBe(1)
      expect((yield* status).size).toBe(0)
    })
  )
})

describe("onConnectionsChanged", () => {
  it.scoped("keep: the work goes on", () =>
    Effect.gen(function* () {
      const kept = yield* setUp(["a"])
      yield* kept.control.rotate("a")
      yield* settle
      expect(kept.probe.startsOf("a")).toBe(1)
    })
  )

  it.scoped("restart: ended, finalizers included, and begun again in its place", () =>
    Effect.gen(function* () {
      const { control, probe, status } = yield* setUp(["a", "b"], {
        onConnectionsChanged: "restart",
        maxTenants: 1
      })
      yield* control.rotate("a")
      yield* eventually("the second life", () => probe.startsOf("a") === 2)
      expect(probe.endsOf("a")).toEqual(["interrupted"])
      expect(probe.startsOf("b")).toBe(0)
      expect((yield* status).get(TenantId.make("a"))).toMatchObject({
        state: "Running",
        restarts: 1,
        lastFailure: undefined
      })
      expect(probe.mostOfOne).toBe(1)
    })
  )
})

describe("close", () => {
  it.scoped("interrupts at once and awaits every finalizer", () =>
    Effect.gen(function* () {
      const { close, probe } = yield* setUp(ids(300), { maxTenants: 250 })
      yield* eventually("all places", () => probe.active.size === 250)
      yield* close
      expect(probe.active.size).toBe(0)
      expect(probe.ended).toHaveLength(250)
      expect(new Set(probe.ended.map(({ how }) => how))).toEqual(new Set(["interrupted"]))
      expect(probe.started).toHaveLength(250)
    })
  )

  it.scoped("leaves work the time to end that `drain` says", () =>
    Effect.gen(function* () {
      const { close, control, probe } = yield* setUp([], { drain: "5 seconds" })
      probe.behaviour.set("ends", Effect.sleep("3 seconds"))
      yield* control.add("ends")
      yield* control.add("never")
      yield* eventually("both", () => probe.active.size === 2)
      const closing = yield* Effect.fork(close)
      yield* settle
      yield* TestClock.adjust("4 seconds")
      yield* settle
      expect(probe.ended).toEqual([{ id: "ends", how: "done" }])
      expect(Option.isNone(yield* closing.poll)).toBe(true)
      yield* TestClock.adjust("1 second")
      yield* closing
      expect(probe.endsOf("never")).toEqual(["interrupted"])
    })
  )
})

it.scoped("counts under the names of the dashboards", () =>
  Effect.gen(function* () {
    const { control, probe } = yield* setUp(["a", "b"], { name: "counted" })
    const consumers = Effect.map(Metric.snapshot, (pairs) =>
      pairs
        .filter(({ metricKey }) => metricKey.name === "tenant_consumers_active")
        .filter(({ metricKey }) => metricKey.tags.some(({ value }) => value === "counted"))
        .map(({ metricState }) => metricState)
    )
    expect(yield* consumers).toMatchObject([{ value: 2 }])
    yield* control.remove("a")
    yield* eventually("the end of a", () => probe.endsOf("a").length === 1)
    yield* settle
    expect(yield* consumers).toMatchObject([{ value: 1 }])
  })
)

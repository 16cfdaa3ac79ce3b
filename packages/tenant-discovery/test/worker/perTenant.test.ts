import { describe, expect, it } from "@effect/vitest"
import { Config, ConfigProvider, Deferred, Effect, Layer, Schedule, TestClock } from "effect"
import { TenantId } from "../../src/Tenant.js"
import * as TenantWorker from "../../src/TenantWorker.js"
import { TestTenantDiscovery } from "../../src/testing.js"
import {
  advance,
  Boom,
  buildWorker,
  eventually,
  fails,
  ids,
  metricValues,
  Probe,
  settle,
  test,
  withTestedClock
} from "./support.js"

type Options = Partial<TenantWorker.PerTenantOptions<Boom, never>> & {
  readonly maxTenants?: number | undefined
}

/** A worker over a test double, whose work goes on until it is interrupted. */
const setUp = (
  tenants: ReadonlyArray<string>,
  options: Options = {},
  behaviour: Readonly<Record<string, Effect.Effect<void, Boom>>> = {}
) =>
  Effect.map(
    buildWorker(tenants, (probe) => {
      probe.otherwise = Effect.never
      for (const [id, how] of Object.entries(behaviour)) probe.behaviour.set(id, how)
      return TenantWorker.perTenant({
        name: "relay",
        startRate: Number.POSITIVE_INFINITY,
        ...options,
        run: probe.run
      })
    }),
    (built) => ({
      ...built,
      status: built.status(options.name ?? "relay"),
      stateOf: (id: string) => built.stateOf(options.name ?? "relay", id)
    })
  )

describe("starting", () => {
  test("runs for the tenants present and for each added one, until it is removed", function* () {
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

  test("keeps to `startRate`, a tenth of it at once, also when all tenants restart", function* () {
    const { control, probe, stateOf } = yield* setUp(ids(150), {
      startRate: 100,
      onConnectionsChanged: "restart"
    })
    expect(probe.started.length).toBe(10)
    expect(yield* stateOf("tenant-149")).toBe("Waiting")
    yield* advance("950 millis")
    expect(probe.started.length).toBe(100)
    yield* advance("1 second")
    // Without `maxTenants` there is no limit.
    expect(probe.active.size).toBe(150)
    for (const id of ids(150)) yield* control.rotate(id)
    yield* settle
    expect(probe.ended.length).toBe(150)
    expect(probe.started.length).toBeLessThanOrEqual(160)
    yield* advance("2 seconds")
    expect(probe.started.length).toBe(300)
  })

  test("makes tenants over `maxTenants` wait in order of arrival, and reports them", function* () {
    const { control, logs, probe, stateOf } = yield* setUp(["a", "b", "c"], {
      name: "capped",
      maxTenants: 2
    })
    const waiting = metricValues("tenant_worker_waiting", { worker: "capped" })
    expect(probe.activeIds).toEqual(["a", "b"])
    yield* control.add("d")
    yield* settle
    expect([yield* stateOf("c"), yield* stateOf("d")]).toEqual(["Waiting", "Waiting"])
    expect(yield* waiting).toMatchObject([{ value: 2 }])
    expect(logs.texts("WARN")).toEqual([
      "maxTenants reached: 2 running, 1 waiting until one of them ends; raise maxTenants"
    ])
    yield* control.remove("b")
    yield* eventually("c", () => probe.active.size === 2 && probe.startsOf("c") === 1)
    expect(probe.startsOf("d")).toBe(0)
    yield* control.remove("a")
    yield* eventually("d", () => probe.startsOf("d") === 1)
    yield* settle
    expect(probe.most).toBe(2)
    expect(yield* waiting).toMatchObject([{ value: 0 }])
    expect(logs.texts("INFO")).toEqual(["no tenant waits for a place any more"])
  })

  test("gives the place of a tenant in backoff to a tenant that waits", function* () {
    const { probe } = yield* setUp(
      ["sick-1", "sick-2", "well-1", "well-2"],
      { maxTenants: 2, restart: Schedule.spaced("1 minute") },
      { "sick-1": fails, "sick-2": fails }
    )
    yield* eventually("both", () => probe.active.size === 2)
    expect(probe.activeIds).toEqual(["well-1", "well-2"])
  })

  test("takes `maxTenants` from a Config, and fails to build when it is invalid", function* () {
    const withLimit = (limit: string) =>
      Layer.setConfigProvider(ConfigProvider.fromMap(new Map([["LIMIT", limit]])))
    const probe = new Probe()
    probe.otherwise = Effect.never
    const worker = TenantWorker.perTenant({
      name: "relay",
      run: probe.run,
      maxTenants: Config.number("LIMIT")
    }).pipe(Layer.provide(TestTenantDiscovery.layer(ids(5))))
    yield* Layer.build(Layer.provide(worker, withLimit("2")))
    yield* settle
    expect(probe.active.size).toBe(2)
    for (const invalid of ["many", "-1", "1.5"]) {
      const error = yield* Layer.build(Layer.provide(worker, withLimit(invalid))).pipe(
        Effect.scoped,
        Effect.flip
      )
      expect(JSON.stringify(error)).toContain("LIMIT")
    }
  })
})

describe("a tenant that comes back", () => {
  test("starts when the finalizers of its former run have finished", function* () {
    const release = yield* Deferred.make<void>()
    const { control, probe, stateOf } = yield* setUp(
      ["a"],
      {},
      {
        a: Effect.ensuring(Effect.never, Deferred.await(release))
      }
    )
    yield* control.remove("a")
    yield* settle
    expect(yield* stateOf("a")).toBe("Draining")
    yield* control.add("a")
    yield* settle
    expect(yield* stateOf("a")).toBe("Draining")
    expect(probe.startsOf("a")).toBe(1)
    yield* Deferred.succeed(release, undefined)
    yield* eventually("the second run", () => probe.startsOf("a") === 2)
    expect(probe.mostOfOne).toBe(1)
  })
})

describe("work that fails or ends", () => {
  test("restarts after the delays of `restart`, which a run of `restartReset` resets", function* () {
    const restart = Schedule.exponential("1 second")
    const { logs, probe, status } = yield* setUp(["a", "other"], { restart }, { a: fails })
    const a = TenantId.make("a")
    expect((yield* status).get(a)).toMatchObject({ state: "BackingOff", restarts: 0 })
    yield* advance("1 second")
    expect(probe.startsOf("a")).toBe(2)
    yield* advance("1999 millis")
    expect(probe.startsOf("a")).toBe(2)
    // From now on a run takes a minute.
    probe.behaviour.set("a", Effect.zipRight(Effect.sleep("1 minute"), fails))
    yield* advance("1 millis")
    expect((yield* status).get(a)).toMatchObject({ state: "Running", restarts: 2 })
    yield* advance("1 minute")
    const resting = (yield* status).get(a)
    expect(resting?.state).toBe("BackingOff")
    expect(resting?.lastFailure?.message).toBe("Boom: no")
    yield* advance("1 second")
    expect(probe.startsOf("a")).toBe(4)
    const warnings = logs.lines.filter(({ level }) => level === "WARN")
    expect(warnings).toHaveLength(3)
    expect(warnings[0]?.annotations).toEqual({ tenant_id: "a", worker: "relay" })
    expect(probe.startsOf("other")).toBe(1)
  })

  test("stays ended when the restart schedule has ended", function* () {
    const { logs, probe, stateOf } = yield* setUp(
      ["fails"],
      { restart: Schedule.recurs(1) },
      { fails: Effect.die(new Error("a bug")) }
    )
    yield* eventually("the second run", () => probe.startsOf("fails") === 2)
    yield* settle
    expect(yield* stateOf("fails")).toBe("Ended")
    expect(logs.texts("WARN")).toEqual(["run failed; restarting in 0"])
    expect(logs.texts("ERROR")).toEqual(["run ended; the restart schedule has ended"])
  })

  test("stays ended, with an error, when the restart schedule dies", function* () {
    const { logs, stateOf } = yield* setUp(
      ["a"],
      { restart: Schedule.mapEffect(Schedule.forever, () => Effect.die("no schedule")) },
      { a: fails }
    )
    yield* settle
    expect(yield* stateOf("a")).toBe("Ended")
    expect(logs.texts("ERROR")).toEqual(["restart schedule failed; not restarting"])
  })

  test("restarts when it ends without a failure, after the delay", function* () {
    const { logs, probe } = yield* setUp(
      ["a"],
      { restart: Schedule.spaced("10 seconds") },
      { a: Effect.void }
    )
    expect(logs.texts("WARN")).toEqual(["run ended; restarting in 10s"])
    yield* advance("10 seconds")
    expect(probe.startsOf("a")).toBe(2)
  })

  test("stays ended with `onEnd: stop`, which is logged once", function* () {
    const { logs, probe, stateOf } = yield* setUp(["a"], { onEnd: "stop" }, { a: Effect.void })
    yield* advance("10 minutes")
    expect(probe.startsOf("a")).toBe(1)
    expect(yield* stateOf("a")).toBe("Ended")
    expect(logs.texts("INFO")).toEqual(['run ended; not restarting (onEnd is "stop")'])
  })

  test("is logged when it recovers, and forgets its failures", function* () {
    const { logs, probe } = yield* setUp(
      ["a"],
      { restart: Schedule.spaced("1 second") },
      { a: fails }
    )
    yield* TestClock.adjust("5 seconds")
    probe.behaviour.delete("a")
    yield* advance("2 minutes")
    expect(logs.texts("INFO")).toEqual(["run recovered; failures in a row: 6"])
    expect(logs.texts("WARN")).toEqual([
      "run failed; restarting in 1s",
      "runs keep failing (failures in the last minute: 5, tenants: 1); for example a: Boom: no"
    ])
  })

  it.scoped.each([-3_600_000, 3_600_000])(
    "keeps its delays when the wall clock jumps by %i ms",
    (jump) =>
      withTestedClock(({ moveWallClock }) =>
        Effect.gen(function* () {
          const { probe } = yield* setUp(
            ["a"],
            { restart: Schedule.exponential("10 seconds") },
            { a: Effect.zipRight(Effect.sleep("1 second"), fails) }
          )
          moveWallClock(jump)
          // Runs of a second, delays of 10 and 20 seconds: no run is taken for a long one.
          yield* advance("11 seconds")
          expect(probe.startsOf("a")).toBe(2)
          moveWallClock(jump)
          yield* advance("20 seconds")
          expect(probe.startsOf("a")).toBe(2)
          yield* advance("1 second")
          expect(probe.startsOf("a")).toBe(3)
        })
      )
  )
})

describe("onConnectionsChanged", () => {
  test("keep: the work continues", function* () {
    const kept = yield* setUp(["a"])
    yield* kept.control.rotate("a")
    yield* settle
    expect(kept.probe.startsOf("a")).toBe(1)
  })

  test("restart: the work ends with its finalizers and restarts in its place", function* () {
    const { control, probe, status } = yield* setUp(["a", "b"], {
      onConnectionsChanged: "restart",
      maxTenants: 1
    })
    yield* control.rotate("a")
    yield* eventually("the second run", () => probe.startsOf("a") === 2)
    expect(probe.endsOf("a")).toEqual(["interrupted"])
    expect(probe.startsOf("b")).toBe(0)
    expect((yield* status).get(TenantId.make("a"))).toMatchObject({
      state: "Running",
      restarts: 1,
      lastFailure: undefined
    })
    expect(probe.mostOfOne).toBe(1)
  })

  test("restart: new connections end a backoff", function* () {
    const { control, probe } = yield* setUp(
      ["a"],
      { onConnectionsChanged: "restart", restart: Schedule.spaced("1 hour") },
      { a: Effect.fail(new Boom({ message: "wrong password" })) }
    )
    probe.behaviour.delete("a")
    yield* control.rotate("a")
    yield* eventually("the second run", () => probe.startsOf("a") === 2)
    yield* advance("2 hours")
    expect(probe.startsOf("a")).toBe(2)
  })
})

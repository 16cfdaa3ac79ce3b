import { describe, expect, it } from "@effect/vitest"
import { Config, ConfigProvider, Deferred, Effect, Layer, Schedule } from "effect"
import * as TenantWorker from "../../src/TenantWorker.js"
import { TestTenantDiscovery } from "../../src/testing.js"
import { metricValue } from "../core/harness.js"
import {
  advance,
  type Boom,
  buildWorker,
  eventually,
  fails,
  ids,
  Probe,
  settle,
  test
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
  buildWorker(
    tenants,
    (probe) => {
      probe.otherwise = Effect.never
      for (const [id, how] of Object.entries(behaviour)) probe.behaviour.set(id, how)
      return TenantWorker.perTenant({
        name: "worker",
        startRate: Number.POSITIVE_INFINITY,
        ...options,
        run: probe.run
      })
    },
    options.name
  )

describe("starting", () => {
  test("runs for each tenant until it is removed, also when its connections change", function* () {
    const { control, probe, status } = yield* setUp(["a", "b"])
    expect(probe.activeIds).toEqual(["a", "b"])
    yield* control.add("c")
    yield* eventually("c", () => probe.active.size === 3)
    yield* control.rotate("b")
    yield* control.remove("a")
    yield* eventually("the end of a", () => probe.endsOf("a").length === 1)
    yield* settle
    expect(probe.ended).toEqual([{ id: "a", how: "interrupted" }])
    expect(probe.activeIds).toEqual(["b", "c"])
    expect([...(yield* status).keys()]).toEqual(["b", "c"])
  })

  test("keeps to `startRate`, a tenth of it at once, also when all tenants restart", function* () {
    const { control, probe, statusOf } = yield* setUp(ids(150), {
      startRate: 100,
      onConnectionsChanged: "restart"
    })
    expect(probe.started.length).toBe(10)
    expect((yield* statusOf("tenant-149"))?.state).toBe("Waiting")
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
    const { control, logs, probe, statusOf } = yield* setUp(["a", "b", "c"], {
      name: "capped",
      maxTenants: 2
    })
    const waiting = metricValue("tenant_worker_waiting", { worker: "capped" })
    expect(probe.activeIds).toEqual(["a", "b"])
    yield* control.add("d")
    yield* settle
    for (const id of ["c", "d"]) expect((yield* statusOf(id))?.state).toBe("Waiting")
    expect(yield* waiting).toBe(2)
    yield* control.remove("b")
    yield* eventually("c", () => probe.active.size === 2 && probe.startsOf("c") === 1)
    expect(probe.startsOf("d")).toBe(0)
    yield* control.remove("a")
    yield* eventually("d", () => probe.startsOf("d") === 1)
    yield* settle
    expect(probe.most).toBe(2)
    expect(yield* waiting).toBe(0)
    expect(logs.lines.map(({ message }) => message)).toEqual([
      "maxTenants reached: 2 running, 1 waiting until one of them ends; raise maxTenants",
      "no tenant waits for a place any more"
    ])
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
    const probe = new Probe()
    probe.otherwise = Effect.never
    const build = (limit: string) =>
      TenantWorker.perTenant({
        name: "worker",
        run: probe.run,
        maxTenants: Config.number("LIMIT")
      }).pipe(
        Layer.provide(TestTenantDiscovery.layer(ids(5))),
        Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map([["LIMIT", limit]])))),
        Layer.build
      )
    yield* build("2")
    yield* settle
    expect(probe.active.size).toBe(2)
    for (const invalid of ["many", "-1", "1.5"]) {
      expect(JSON.stringify(yield* Effect.flip(build(invalid)))).toContain("LIMIT")
    }
  })
})

test("a tenant that comes back starts when the finalizers of its former run have ended", function* () {
  const release = yield* Deferred.make<void>()
  const slowToEnd = Effect.ensuring(Effect.never, Deferred.await(release))
  const { control, probe, statusOf } = yield* setUp(["a"], {}, { a: slowToEnd })
  for (const change of [control.remove, control.add]) {
    yield* change("a")
    yield* settle
    expect((yield* statusOf("a"))?.state).toBe("Draining")
  }
  expect(probe.startsOf("a")).toBe(1)
  yield* Deferred.succeed(release, undefined)
  yield* eventually("the second run", () => probe.startsOf("a") === 2)
  expect(probe.mostOfOne).toBe(1)
})

describe("work that fails or ends", () => {
  test("restarts after the delays of `restart`, which a run of `restartReset` resets", function* () {
    const restart = Schedule.exponential("1 second")
    const { logs, probe, statusOf } = yield* setUp(["a", "other"], { restart }, { a: fails })
    expect(yield* statusOf("a")).toMatchObject({ state: "BackingOff", restarts: 0 })
    yield* advance("1 second")
    expect(probe.startsOf("a")).toBe(2)
    yield* advance("1999 millis")
    expect(probe.startsOf("a")).toBe(2)
    // From now on a run takes a minute.
    probe.behaviour.set("a", Effect.zipRight(Effect.sleep("1 minute"), fails))
    yield* advance("1 millis")
    expect(yield* statusOf("a")).toMatchObject({ state: "Running", restarts: 2 })
    yield* advance("1 minute")
    expect(yield* statusOf("a")).toMatchObject({
      state: "BackingOff",
      lastFailure: { message: "Boom: no" }
    })
    yield* advance("1 second")
    expect(probe.startsOf("a")).toBe(4)
    const warnings = logs.lines.filter(({ level }) => level === "WARN")
    expect(warnings).toHaveLength(3)
    expect(warnings[0]?.annotations).toEqual({ tenant_id: "a", worker: "worker" })
    expect(probe.startsOf("other")).toBe(1)
  })

  it.scoped.each([
    {
      name: "stays ended when the restart schedule has ended",
      options: { restart: Schedule.recurs(1) },
      work: Effect.die(new Error("a bug")),
      after: { starts: 2, state: "Ended" },
      log: ["WARN run failed; restarting in 0", "ERROR run ended; the restart schedule has ended"]
    },
    {
      name: "stays ended, with an error, when the restart schedule dies",
      options: { restart: Schedule.mapEffect(Schedule.forever, () => Effect.die("no schedule")) },
      work: fails,
      after: { starts: 1, state: "Ended" },
      log: ["ERROR restart schedule failed; not restarting"]
    },
    {
      name: "restarts when it ends without a failure, after the delay",
      options: { restart: Schedule.spaced("10 seconds") },
      work: Effect.void,
      after: { starts: 2, state: "BackingOff" },
      log: ["WARN run ended; restarting in 10s"]
    },
    {
      name: "stays ended with `onEnd: stop`, which is logged once",
      options: { onEnd: "stop" },
      work: Effect.void,
      after: { starts: 1, state: "Ended" },
      log: ['INFO run ended; not restarting (onEnd is "stop")']
    }
  ] as const)("$name", ({ after, log, options, work }) =>
    Effect.gen(function* () {
      const { logs, probe, statusOf } = yield* setUp(["a"], options, { a: work })
      yield* advance("15 seconds")
      const state = (yield* statusOf("a"))?.state
      expect({ starts: probe.startsOf("a"), state }).toEqual(after)
      expect(logs.lines.map(({ level, message }) => `${level} ${message}`)).toEqual(log)
    })
  )

  test("is logged when it recovers, and forgets its failures", function* () {
    const restart = Schedule.spaced("1 second")
    const { logs, probe } = yield* setUp(["a"], { restart }, { a: fails })
    yield* advance("5 seconds")
    probe.behaviour.delete("a")
    yield* advance("2 minutes")
    expect(logs.texts("INFO")).toEqual(["run recovered; failures in a row: 6"])
    expect(logs.texts("WARN")).toEqual([
      "run failed; restarting in 1s",
      "runs keep failing (failures in the last minute: 5, tenants: 1); for example a: Boom: no"
    ])
  })
})

describe("onConnectionsChanged: restart", () => {
  test("ends the work with its finalizers, and restarts it in its place", function* () {
    const { control, probe, statusOf } = yield* setUp(["a", "b"], {
      onConnectionsChanged: "restart",
      maxTenants: 1
    })
    yield* control.rotate("a")
    yield* eventually("the second run", () => probe.startsOf("a") === 2)
    expect(probe.endsOf("a")).toEqual(["interrupted"])
    expect(probe.startsOf("b")).toBe(0)
    expect(yield* statusOf("a")).toMatchObject({
      state: "Running",
      restarts: 1,
      lastFailure: undefined
    })
    expect(probe.mostOfOne).toBe(1)
  })

  test("ends a backoff", function* () {
    const { control, probe } = yield* setUp(
      ["a"],
      { onConnectionsChanged: "restart", restart: Schedule.spaced("1 hour") },
      { a: fails }
    )
    probe.behaviour.delete("a")
    yield* control.rotate("a")
    yield* eventually("the second run", () => probe.startsOf("a") === 2)
    yield* advance("2 hours")
    expect(probe.startsOf("a")).toBe(2)
  })
})

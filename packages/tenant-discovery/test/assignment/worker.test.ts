import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Schedule, Scope, TestClock } from "effect"
import {
  CurrentTenant,
  TenantAssignment,
  TenantId,
  TenantLease,
  TenantWorker
} from "../../src/index.js"
import { TestTenantAssignment, TestTenantDiscovery } from "../../src/testing.js"
import { captureLogs, settle } from "../worker/support.js"

const world = (...assigned: ReadonlyArray<string>) =>
  Layer.merge(TestTenantDiscovery.layer(["acme", "globex"]), TestTenantAssignment.layer(assigned))

describe("a worker under an assignment", () => {
  it.scoped("works for the assigned tenants alone, each run with a lease of its own", () => {
    const runs: Array<readonly [string, bigint | undefined]> = []
    const work = Effect.gen(function* () {
      runs.push([(yield* CurrentTenant).id, (yield* TenantLease).fence])
    })
    const logs = captureLogs()
    return Effect.gen(function* () {
      const replica = yield* TestTenantAssignment
      yield* TestClock.adjust("1 minute")
      expect(runs).toEqual([["globex", 1n]])
      yield* replica.revoke("globex")
      yield* replica.assign("acme", "globex")
      yield* TestClock.adjust("1 minute")
      expect(runs.slice(1)).toEqual([
        ["acme", 2n],
        ["globex", 3n]
      ])
      expect(logs.lines.map(({ message }) => message)).toContain(
        "worker works for the tenants that the test assigns"
      )
    }).pipe(
      Effect.provide(
        TenantWorker.scheduled({
          name: "job",
          schedule: Schedule.spaced("1 minute"),
          run: work
        }).pipe(Layer.provideMerge(world("globex")), Layer.provide(logs.layer))
      )
    )
  })

  it.scoped("interrupts a run at once when its lease is lost, whatever removalGrace says", () => {
    const ended: Array<string> = []
    return Effect.gen(function* () {
      const replica = yield* TestTenantAssignment
      const gate = yield* Deferred.make<void>()
      const worker = TenantWorker.scheduled({
        name: "job",
        schedule: Schedule.spaced("1 minute"),
        removalGrace: "1 hour",
        run: Effect.onInterrupt(Effect.never, () =>
          Effect.zipRight(
            Effect.sync(() => ended.push("interrupted")),
            Deferred.await(gate)
          )
        )
      })
      yield* Layer.build(worker)
      yield* TestClock.adjust("1 minute")
      expect(yield* replica.held("acme")).toBe(1)
      yield* replica.revoke("acme")
      yield* settle
      expect(ended).toEqual(["interrupted"])
      // The tenant is given back when the finalizers have ended.
      expect(yield* replica.held("acme")).toBe(1)
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      expect(yield* replica.held("acme")).toBe(0)
    }).pipe(Effect.provide(world("acme")))
  })

  it.scoped("takes no tenant while it closes, and drains the runs that are under way", () => {
    const ended: Array<string> = []
    return Effect.gen(function* () {
      const replica = yield* TestTenantAssignment
      const assignment = yield* TenantAssignment
      const scope = yield* Scope.make()
      const worker = TenantWorker.scheduled({
        name: "job",
        schedule: Schedule.spaced("1 minute"),
        drain: "10 seconds",
        run: Effect.onExit(Effect.sleep("5 seconds"), ({ _tag }) =>
          Effect.sync(() => ended.push(_tag))
        )
      })
      yield* Layer.buildWithScope(worker, scope)
      yield* TestClock.adjust("1 minute")
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* settle
      expect((yield* assignment.view.get).owns(TenantId.make("acme"))).toBe(false)
      expect([ended, yield* replica.held("acme")]).toEqual([[], 1])
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(closing)
      expect([ended, yield* replica.held("acme")]).toEqual([["Success"], 0])
    }).pipe(Effect.provide(world("acme")))
  })

  it.scoped("stops when its discovery closes", () => {
    const logs = captureLogs()
    return Effect.gen(function* () {
      const ofDiscovery = yield* Scope.make()
      const discovery = yield* Layer.buildWithScope(
        TestTenantDiscovery.layer(["acme"]),
        ofDiscovery
      )
      const worker = TenantWorker.perTenant({ name: "consumer", run: Effect.never })
      yield* Layer.build(
        worker.pipe(Layer.provide(Layer.succeedContext(discovery)), Layer.provide(logs.layer))
      )
      const replica = yield* TestTenantAssignment
      yield* settle
      expect(yield* replica.held("acme")).toBe(1)
      yield* Scope.close(ofDiscovery, Exit.void)
      yield* TestClock.adjust("1 minute")
      expect(yield* replica.held("acme")).toBe(0)
      expect(logs.texts("WARN")).toEqual(["tenant view closed; stopping the worker"])
    }).pipe(Effect.provide(world("acme")))
  })

  it.scoped("starts long-lived work anew when the tenant comes back", () => {
    let started = 0
    return Effect.gen(function* () {
      const replica = yield* TestTenantAssignment
      yield* settle
      expect(started).toBe(1)
      yield* replica.freeze
      yield* replica.thaw
      yield* settle
      expect(started).toBe(2)
      yield* replica.revoke("acme")
      yield* settle
      expect(yield* replica.held("acme")).toBe(0)
      expect([...(yield* TenantWorker.status("consumer")).keys()]).toEqual([])
      yield* replica.assign("acme")
      yield* settle
      expect(started).toBe(3)
    }).pipe(
      Effect.provide(
        TenantWorker.perTenant({
          name: "consumer",
          run: Effect.zipRight(
            Effect.sync(() => started++),
            Effect.never
          )
        }).pipe(Layer.provideMerge(world("acme")))
      )
    )
  })
})

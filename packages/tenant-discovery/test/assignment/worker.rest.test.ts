/** Workers under an assignment: the runs follow the leases. */
import { describe, expect, it } from "@effect/vitest"
import {
  Duration,
  Effect,
  FastCheck as fc,
  Layer,
  Logger,
  Schedule,
  TestClock,
  TestContext
} from "effect"
import { CurrentTenant, TenantId, TenantLease, TenantWorker } from "../../src/index.js"
import { TestTenantAssignment, TestTenantDiscovery } from "../../src/testing.js"

const names = ["a", "b", "c", "d"]
const FINALIZER = Duration.millis(50)

type Step =
  | { readonly do: "assign" | "revoke" | "add" | "remove"; readonly id: string }
  | { readonly do: "freeze" | "thaw" }
  | { readonly do: "wait"; readonly millis: number }

const steps: fc.Arbitrary<ReadonlyArray<Step>> = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constantFrom<"assign" | "revoke" | "add" | "remove">(
        "assign",
        "revoke",
        "add",
        "remove"
      ),
      id: fc.constantFrom(...names)
    }),
    fc.record({ do: fc.constantFrom<"freeze" | "thaw">("freeze", "thaw") }),
    fc.record({ do: fc.constant("wait" as const), millis: fc.integer({ min: 1, max: 400 }) })
  ),
  { minLength: 1, maxLength: 25 }
)

/** What the runs did, and whether they kept the rules. */
const makeReferee = () => {
  const underWay = new Map<TenantId, bigint>()
  const fences = new Map<TenantId, bigint>()
  const begin = Effect.gen(function* () {
    const { id } = yield* CurrentTenant
    const { fence = -1n, isValid, tenantId } = yield* TenantLease
    expect(tenantId).toBe(id)
    expect(yield* isValid).toBe(true)
    expect(underWay.has(id)).toBe(false)
    expect(fence).toBeGreaterThanOrEqual(fences.get(id) ?? 0n)
    fences.set(id, fence)
    underWay.set(id, fence)
  })
  const end = Effect.gen(function* () {
    const { id } = yield* CurrentTenant
    yield* Effect.sleep(FINALIZER)
    underWay.delete(id)
  })
  const run = <A>(work: Effect.Effect<A>) =>
    Effect.zipRight(
      Effect.acquireRelease(begin, () => end),
      work
    )
  return { underWay, run }
}

type Referee = ReturnType<typeof makeReferee>

const workers = {
  perTenant: ({ run }: Referee) =>
    TenantWorker.perTenant({ name: "consumer", run: run(Effect.never) }),
  scheduled: ({ run }: Referee) =>
    TenantWorker.scheduled({
      name: "job",
      schedule: Schedule.spaced("100 millis"),
      removalGrace: "1 hour",
      run: run(Effect.sleep("150 millis"))
    })
}

const settle = TestClock.adjust(0)

const check = (make: (referee: Referee) => ReturnType<typeof workers.perTenant>) =>
  fc.asyncProperty(steps, (all) => {
    const referee = makeReferee()
    return Effect.gen(function* () {
      const tenants = yield* TestTenantDiscovery
      const replica = yield* TestTenantAssignment
      const active = new Set(names)
      const assigned = new Set<string>()
      let isFrozen = false
      yield* settle
      for (const step of all) {
        switch (step.do) {
          case "assign":
            assigned.add(step.id)
            yield* replica.assign(step.id)
            break
          case "revoke":
            assigned.delete(step.id)
            yield* replica.revoke(step.id)
            break
          case "add":
            active.add(step.id)
            yield* tenants.add(step.id)
            break
          case "remove":
            active.delete(step.id)
            yield* tenants.remove(step.id)
            break
          case "freeze":
            isFrozen = true
            yield* replica.freeze
            break
          case "thaw":
            isFrozen = false
            yield* replica.thaw
            break
          case "wait":
            yield* TestClock.adjust(Duration.millis(step.millis))
        }
        yield* settle
        for (const name of names) {
          // A lease is held exactly as long as a run and its finalizers take.
          const isHeld = (yield* replica.held(name)) > 0
          expect(isHeld).toBe(referee.underWay.has(TenantId.make(name)))
        }
        if (isFrozen) continue
        // A lost lease interrupts at once: only finalizers are left.
        const before = [...referee.underWay.keys()].filter((id) => !assigned.has(id))
        if (before.length === 0) continue
        yield* TestClock.adjust(FINALIZER)
        for (const id of before) {
          if (!assigned.has(id)) expect(referee.underWay.has(id)).toBe(false)
        }
      }
      yield* replica.thaw
      yield* TestClock.adjust("1 second")
      const expected = names.filter((name) => active.has(name) && assigned.has(name))
      expect([...(yield* workedFor(referee))].sort()).toEqual(expected)
    }).pipe(
      // The finalizers of the runs end before the worker closes, by the test's clock.
      Effect.ensuring(
        Effect.flatMap(TestTenantAssignment, (replica) =>
          Effect.zipRight(replica.freeze, Effect.zipRight(replica.thaw, replica.revoke(...names)))
        )
      ),
      Effect.ensuring(TestClock.adjust("1 second")),
      Effect.provide(
        Layer.provideMerge(
          make(referee),
          Layer.merge(TestTenantDiscovery.layer(names), TestTenantAssignment.layer())
        )
      ),
      Effect.provide(Logger.remove(Logger.defaultLogger)),
      Effect.provide(TestContext.TestContext),
      Effect.runPromise
    )
  })

/** The tenants that are worked for within a second. */
const workedFor = ({ underWay }: Referee) =>
  Effect.gen(function* () {
    const seen = new Set<string>()
    for (let tick = 0; tick < 8; tick++) {
      yield* TestClock.adjust("50 millis")
      for (const id of underWay.keys()) seen.add(id)
    }
    return seen
  })

describe("a worker under an assignment", () => {
  it.each(Object.entries(workers))(
    "%s: no run begins without a valid lease, a loss ends it, a release waits for its end",
    async (_, make) => {
      const result = await fc.check(check(make), { numRuns: 40 })
      expect(fc.defaultReportMessage(result)).toBeUndefined()
    },
    120_000
  )
})

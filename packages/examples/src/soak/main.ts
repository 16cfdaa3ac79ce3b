/**
 * `npm run soak -- --minutes N`: runs a program with workers and pools while faults strike its
 * servers, its own work and its wall clock, and compares it with the tenant manager's state.
 *
 * Two quiet points, one after a warm-up and one at the end, are compared: all faults end, the fleet
 * has its full size, and the program must recover by itself. The exit code is 1 where one of the
 * checks of `verdict.ts` fails.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Duration, Effect, Exit, Fiber, Logger, LogLevel, Random, Scope } from "effect"
import { parseArgs } from "node:util"
import { makeChange } from "./change.js"
import { makeJumpingClock, monotonic } from "./clock.js"
import { faults } from "./faults.js"
import { describeWork, makeServers, startProgram } from "./program.js"
import { type Figures, NEGLECTED, verdict } from "./verdict.js"
import { Divergence, FiberCount, measure, Neglect } from "./watch.js"

const SAMPLE = 500
/** The part of the time before the first quiet point. */
const WARM_UP = 0.25

const { values } = parseArgs({ options: { minutes: { type: "string", default: "10" } } })
const minutes = Number(values.minutes)

const sum = (counts: ReadonlyMap<string, number>): number =>
  [...counts.values()].reduce((all, count) => all + count, 0)

const soak = Effect.gen(function* () {
  const jumping = makeJumpingClock()
  const fibers = new FiberCount()
  const servers = yield* makeServers(jumping)
  const { simulator } = servers
  const change = makeChange(simulator)
  const atRest = yield* measure(fibers)

  const scope = yield* Scope.make()
  const program = yield* startProgram(servers, jumping, fibers, scope)
  const { discovery, tally, trouble, work } = program

  const divergence = new Divergence()
  /** Runs of tenants that are no longer active. */
  const lateWork = new Divergence()
  const neglect = { sweep: new Neglect(), relay: new Neglect() }
  const sample = Effect.map(
    Effect.all([simulator.activeTenantIds(), discovery.activeTenantIds, monotonic]),
    ([truth, view, now]) => {
      const active = new Set(truth)
      divergence.sample(truth, view, now)
      const working = work.all.flatMap((runs) => [...runs.active.keys()])
      lateWork.sample(
        [],
        working.filter((id) => !active.has(id)),
        now
      )
      neglect.sweep.sample(truth, work.sweep.worked, now)
      neglect.relay.sample(truth, work.relay.worked, now)
    }
  )
  /** For how long the process had no turn: others used the processor, or it was blocked. */
  let stalled = 0
  const sampling = yield* sample.pipe(
    Effect.zipRight(Effect.timed(Effect.sleep(SAMPLE))),
    Effect.map(([slept]) => {
      stalled += Math.max(0, Duration.toMillis(slept) - SAMPLE)
    }),
    Effect.forever,
    Effect.fork
  )

  const struck = new Map<string, number>()
  const strike = Effect.gen(function* () {
    const fault = yield* Random.choice(faults)
    struck.set(fault.name, (struck.get(fault.name) ?? 0) + 1)
    yield* Effect.ignoreLogged(fault.run(servers))
    yield* Effect.sleep(yield* Random.nextRange(0, 8_000))
  })
  const progress = Effect.gen(function* () {
    const { mode } = yield* discovery.status.get
    yield* Console.log(
      `${mode}, ${(yield* discovery.activeTenantIds).length} tenants, ${sum(struck)} faults, ` +
        `${sum(trouble.counts)} of its own, ${divergence.wrong} wrong now, ` +
        `${work.all.map(({ active }) => active.size).join("+")} runs, ` +
        `${tally.acquired - tally.released} of ${tally.acquired} resources, ` +
        `${Math.round(process.memoryUsage().heapUsed / 1024 / 1024)} MB`
    )
  })
  const storm = (during: number) =>
    Effect.all(
      [
        change.steady,
        Effect.forever(strike),
        Effect.forever(Effect.zipRight(Effect.sleep("30 seconds"), progress))
      ],
      { concurrency: "unbounded", discard: true }
    ).pipe(Effect.timeoutOption(during))

  /** Ends all faults; waits until the view is right and every tenant was worked for since then. */
  const becomeQuiet = Effect.gen(function* () {
    trouble.isCalm = true
    yield* simulator.clearTrouble
    yield* change.restore
    const from = yield* monotonic
    const unserved = Effect.map(simulator.activeTenantIds(), (ids) =>
      ids.filter((id) =>
        [work.sweep, work.relay].some(({ worked }) => (worked.get(id) ?? 0) < from)
      )
    )
    const left = Effect.map(unserved, ({ length }) => length + divergence.wrong)
    yield* left.pipe(
      Effect.zipLeft(Effect.sleep("100 millis")),
      Effect.repeat({ until: (count) => count === 0 }),
      Effect.timeoutOption(NEGLECTED)
    )
    const settled = (yield* monotonic) - from
    const unservedTenants = yield* unserved
    const [example] = unservedTenants
    if (example !== undefined) yield* Console.log(yield* describeWork(program, example))
    const measured = yield* measure(fibers)
    const quiet = {
      settled: Math.round(settled),
      unserved: unservedTenants.length,
      requests: (yield* simulator.requests).length,
      ...measured
    }
    yield* Console.log(`quiet ${JSON.stringify(quiet)}`)
    return quiet
  })

  yield* storm(minutes * 60_000 * WARM_UP)
  const atFirst = yield* becomeQuiet
  trouble.isCalm = false
  yield* storm(minutes * 60_000 * (1 - WARM_UP))
  const atEnd = yield* becomeQuiet
  yield* Fiber.interrupt(sampling)

  const view = (yield* discovery.activeTenantIds).toSorted()
  const truth = (yield* simulator.activeTenantIds()).toSorted()
  const wrongReaders = program.readers.filter(
    ({ ids, mistakes }) => mistakes() > 0 || [...ids].toSorted().join(" ") !== view.join(" ")
  ).length
  const [lasted] = yield* Effect.timed(Scope.close(scope, Exit.void))
  const closed = Math.round(Duration.toMillis(lasted))
  const figures: Figures = {
    minutes,
    tenants: truth.length,
    viewIsRight: view.join(" ") === truth.join(" "),
    wrongReaders,
    longestDivergence: Math.round(divergence.longest),
    longestLateWork: Math.round(lateWork.longest),
    longestNeglect: {
      sweep: Math.round(neglect.sweep.longest),
      relay: Math.round(neglect.relay.longest)
    },
    runsBesideAnother: work.all.reduce((all, { twice }) => all + twice, 0),
    runsLeft: work.all.reduce((all, { active }) => all + active.size, 0),
    heldTenants: work.holder.worked.size,
    acquired: tally.acquired,
    released: tally.released,
    usedAfterRelease: tally.usedAfterRelease,
    closed,
    stalled: Math.round(stalled),
    atRest,
    atFirst,
    atEnd,
    afterwards: yield* measure(fibers)
  }
  const failures = verdict(figures)
  const sorted = (counts: ReadonlyMap<string, number>) =>
    Object.fromEntries([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)))
  yield* Console.log(
    JSON.stringify({ ...figures, faults: sorted(struck), own: sorted(trouble.counts) }, null, 2)
  )
  for (const failure of failures) yield* Console.log(`FAILED: ${failure}`)
  if (failures.length > 0) return yield* Effect.fail(`${failures.length} checks failed`)
  return yield* Console.log("ok: nothing is left, and every tenant was worked for")
}).pipe(Effect.scoped, Logger.withMinimumLogLevel(LogLevel.Error))

if (!Number.isFinite(minutes) || minutes <= 0) {
  process.stderr.write("usage: npm run soak -- --minutes N\n")
  process.exitCode = 2
} else {
  NodeRuntime.runMain(soak)
}

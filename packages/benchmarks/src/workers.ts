/** Rows 13 and 14: work for ten thousand tenants. */
import { Deferred, Effect, Exit, Fiber, Layer, Schedule, Scope } from "effect"
import { TenantDiscovery, TenantWorker } from "tenant-discovery"
import { inMemory, quiet, tenantsTo } from "./harness/discoveries.js"
import { against, atMost, figure, type Figure, shown } from "./harness/figure.js"
import { collectGarbage, interleave, keep, processorTime } from "./harness/rounds.js"

const TENANTS = 10_000

/** The longest that the event loop had no turn while `run` ran, in milliseconds. */
const longestBlock = async (run: () => Promise<void>): Promise<number> => {
  let longest = 0
  let last = performance.now()
  let watching = true
  const watch = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (watching) setImmediate(watch)
  }
  setImmediate(watch)
  await run()
  watching = false
  return longest
}

interface Life {
  /** Milliseconds until all were running. */
  readonly start: number
  /** Bytes of heap a worker. */
  readonly memory: number
  readonly stop: number
  /** The longest block of the event loop, at the start and at the stop. */
  readonly block: number
}

interface Many {
  readonly started: Effect.Effect<void>
  readonly stop: Effect.Effect<void>
}

/** The collection between start and stop is the benchmark's own, and not counted as a block. */
const live = async (make: Effect.Effect<Many, unknown>): Promise<Life> => {
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  const timed = async (effect: Effect.Effect<unknown, unknown>) => {
    let took = 0
    const block = await longestBlock(async () => {
      const began = performance.now()
      await Effect.runPromise(effect)
      took = performance.now() - began
    })
    return { took, block }
  }
  let many: Many | undefined
  const start = await timed(
    Effect.flatMap(make, (made) => {
      many = made
      return made.started
    })
  )
  collectGarbage()
  const memory = (process.memoryUsage().heapUsed - before) / TENANTS
  const stop = await timed(many?.stop ?? Effect.void)
  return { start: start.took, memory, stop: stop.took, block: Math.max(start.block, stop.block) }
}

/** Counts itself in, and sleeps. */
const sleeper = (latch: Deferred.Deferred<void>) => {
  let running = 0
  return Effect.suspend(() => {
    if (++running === TENANTS) Deferred.unsafeDone(latch, Effect.void)
    return Effect.never
  })
}

const bare = Effect.gen(function* () {
  const latch = yield* Deferred.make<void>()
  const run = sleeper(latch)
  const fibers = yield* Effect.forEach(Array.from({ length: TENANTS }), () =>
    Effect.forkDaemon(run)
  )
  return { started: Deferred.await(latch), stop: Fiber.interruptAll(fibers) }
})

const workers = (discovery: TenantDiscovery["Type"]) =>
  Effect.gen(function* () {
    const latch = yield* Deferred.make<void>()
    const scope = yield* Scope.make()
    const layer = TenantWorker.perTenant({
      name: "benchmark",
      run: sleeper(latch),
      maxTenants: TENANTS,
      // As fast as it can: the default spreads them over time on purpose.
      startRate: 1_000_000
    }).pipe(Layer.provide(Layer.succeed(TenantDiscovery, discovery)), Layer.provide(quiet))
    yield* Layer.buildWithScope(layer, scope)
    return { started: Deferred.await(latch), stop: Scope.close(scope, Exit.void) }
  })

const row13 = (discovery: TenantDiscovery["Type"]) =>
  Effect.promise(async () => {
    const ours: Array<Life> = []
    const theirs: Array<Life> = []
    const ofOurs = async () => {
      const life = await live(workers(discovery))
      ours.push(life)
      return life.block
    }
    const ofTheirs = async () => {
      const life = await live(bare)
      theirs.push(life)
      return life.start
    }
    const warmUp = 1
    const blocks = await interleave({ ours: ofOurs, theirs: ofTheirs }, { rounds: 5, warmUp })
    const line = (what: string, unit: string, of: (life: Life) => number) =>
      figure(
        {
          row: 13,
          name: `10k workers a tenant: ${what}`,
          baseline: "bare Effect.fork",
          unit,
          reach: atMost(1.5)
        },
        { ours: ours.slice(warmUp).map(of), theirs: theirs.slice(warmUp).map(of) }
      )
    return [
      line("start", "ms", ({ start }) => start),
      line("memory of each", "bytes", ({ memory }) => memory),
      line("stop", "ms", ({ stop }) => stop),
      against(
        { row: 13, name: "10k workers a tenant: longest block of the event loop", unit: "ms" },
        blocks.ours,
        50
      )
    ]
  })

/** Ticks a round. Processor time, which another program's turn does not add to. */
const TICKS = 5

const row14 = (discovery: TenantDiscovery["Type"]) =>
  Effect.promise(async () => {
    const ids = Effect.runSync(discovery.activeTenantIds)
    const ours = async (): Promise<number> => {
      let runs = 0
      const took = await processorTime(() =>
        Effect.runPromise(
          Effect.scoped(
            Effect.gen(function* () {
              const latch = yield* Deferred.make<void>()
              const layer = TenantWorker.scheduled({
                name: "benchmark",
                schedule: Schedule.forever,
                overlap: "wait",
                run: Effect.sync(() => {
                  if (++runs === TENANTS * TICKS) Deferred.unsafeDone(latch, Effect.void)
                })
              }).pipe(
                Layer.provide(Layer.succeed(TenantDiscovery, discovery)),
                Layer.provide(quiet)
              )
              yield* Layer.build(layer)
              yield* Deferred.await(latch)
            })
          )
        )
      )
      return took / 1000 / TICKS
    }
    const bareTicks = (each: (run: Effect.Effect<void>) => Effect.Effect<void>) => async () => {
      let runs = 0
      const run = Effect.sync(() => {
        runs++
      })
      const took = await processorTime(async () => {
        for (let tick = 0; tick < TICKS; tick++) {
          await Effect.runPromise(
            Effect.forEach(ids, () => each(run), { concurrency: 8, discard: true })
          )
        }
      })
      keep(runs)
      return took / 1000 / TICKS
    }
    const theirs = bareTicks((run) => run)
    const measured = await interleave({ ours, theirs }, { rounds: 11, warmUp: 3 })
    // On its own: a tick of it takes ten times as long, and what it leaves behind slows its neighbours.
    const fibers = await interleave(
      { ours, theirs: bareTicks((run) => Effect.flatMap(Effect.fork(run), Fiber.join)) },
      { rounds: 5, warmUp: 1 }
    )
    const heading = {
      row: 14,
      name: "scheduled, one tick over 10k tenants, no-op",
      unit: "ms of processor"
    }
    return [
      figure({ ...heading, baseline: "Effect.forEach, 8 at a time", reach: atMost(1.5) }, measured),
      figure({ ...heading, baseline: "the same with a fiber a tenant", reach: shown }, fibers)
    ]
  })

export const work: Effect.Effect<ReadonlyArray<Figure>, unknown> = Effect.scoped(
  Effect.gen(function* () {
    const { discovery } = yield* inMemory(tenantsTo(TENANTS))
    // Before ten thousand fibers at once have made their mark on the heap.
    const ticks = yield* row14(discovery)
    return [...(yield* row13(discovery)), ...ticks]
  })
)

/** Rows 12 and 13: work for ten thousand tenants. */
import { Deferred, Effect, Exit, Fiber, Layer, Schedule, Scope } from "effect"
import { TenantAssignment, TenantDiscovery, TenantWorker } from "tenant-discovery"
import { inMemory, quiet, tenantsTo } from "./harness/discoveries.js"
import { against, atMost, figure, type Figure } from "./harness/figure.js"
import { collectGarbage, interleave, keep, processorTime } from "./harness/rounds.js"

const TENANTS = 10_000

/** The longest block of the event loop during `run`, in milliseconds. */
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
  /** Bytes of heap per worker. */
  readonly memory: number
  readonly stop: number
  /** The longest block of the event loop, during start and stop. */
  readonly block: number
}

interface Many {
  readonly started: Effect.Effect<void>
  readonly stop: Effect.Effect<void>
}

/** The garbage collection between start and stop belongs to the benchmark; it is no block. */
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

/** Opens the latch when all tenants run, then sleeps. */
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
      // The default spreads the starts over time.
      startRate: 1_000_000
    }).pipe(Layer.provide(Layer.succeed(TenantDiscovery, discovery)), Layer.provide(quiet))
    yield* Layer.buildWithScope(layer, scope)
    return { started: Deferred.await(latch), stop: Scope.close(scope, Exit.void) }
  })

const startAndStop = (discovery: TenantDiscovery["Type"]) =>
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
          row: 12,
          name: `10k perTenant workers: ${what}`,
          baseline: "bare Effect.fork",
          unit,
          budget: atMost(1.7)
        },
        { ours: ours.slice(warmUp).map(of), theirs: theirs.slice(warmUp).map(of) }
      )
    return [
      line("start", "ms", ({ start }) => start),
      line("memory of each", "bytes", ({ memory }) => memory),
      line("stop", "ms", ({ stop }) => stop),
      against(
        { row: 12, name: "10k perTenant workers: longest block of the event loop", unit: "ms" },
        blocks.ours,
        50
      )
    ]
  })

/** Ticks per round. Processor time does not include the time of other programs. */
const TICKS = 5

/** Milliseconds of processor time for one tick of a scheduled worker with a run that does nothing. */
export const scheduledTicks = async (
  discovery: TenantDiscovery["Type"],
  assignment: Layer.Layer<TenantAssignment> = Layer.sync(
    TenantAssignment,
    TenantAssignment.defaultValue
  )
): Promise<number> => {
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
            Layer.provide(assignment),
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

const tick = (discovery: TenantDiscovery["Type"]) =>
  Effect.promise(async () => {
    const ids = Effect.runSync(discovery.activeTenantIds)
    const ours = () => scheduledTicks(discovery)
    const theirs = async (): Promise<number> => {
      let runs = 0
      const run = Effect.sync(() => {
        runs++
      })
      const each = Effect.flatMap(Effect.fork(run), Fiber.join)
      const took = await processorTime(async () => {
        for (let tick = 0; tick < TICKS; tick++) {
          await Effect.runPromise(
            Effect.forEach(ids, () => each, { concurrency: 8, discard: true })
          )
        }
      })
      keep(runs)
      return took / 1000 / TICKS
    }
    const rounds = await interleave({ ours, theirs }, { rounds: 7, warmUp: 2 })
    return [
      figure(
        {
          row: 13,
          name: "scheduled, one tick over 10k tenants, no-op",
          baseline: "Effect.forEach with a fiber per tenant",
          unit: "ms of CPU",
          budget: atMost(1)
        },
        rounds
      )
    ]
  })

export const work: Effect.Effect<ReadonlyArray<Figure>, unknown> = Effect.scoped(
  Effect.gen(function* () {
    const { discovery } = yield* inMemory(tenantsTo(TENANTS))
    // First, on a heap that no ten thousand fibers have grown.
    const ticks = yield* tick(discovery)
    return [...(yield* startAndStop(discovery)), ...ticks]
  })
)

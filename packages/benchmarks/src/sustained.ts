/** Row 16: 2000 transitions a second for ten seconds. */
import { Effect, Schedule } from "effect"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { overTheNetwork } from "./harness/discoveries.js"
import { against, type Figure } from "./harness/figure.js"
import { keep, until } from "./harness/rounds.js"
import { makeTenantManager, makeWorld } from "./harness/world.js"

const PER_SECOND = 2000
const SECONDS = 10
const COUNT = PER_SECOND * SECONDS
/** The published tenants are not in the list. */
const FIRST = 2_000_000

/** Milliseconds on the monotonic clock that all processes of a machine share. */
const now = (): number => Number(process.hrtime.bigint()) / 1e6

const figures = (tenants: number, name: string, worstLag: number, worstBlock: number) =>
  Effect.gen(function* () {
    const world = yield* makeWorld
    const { url } = yield* makeTenantManager
    const channel = "sustained"
    const discovery = yield* overTheNetwork({
      redis: world.redis,
      tenantManager: url,
      tenants,
      channel
    })
    const arrivals: Array<number> = Array.from({ length: COUNT }, () => Number.NaN)
    let arrived = 0
    const arrive = (id: string) => {
      const at = Number.parseInt(id.slice(-8), 16) - FIRST
      if (at < 0 || at >= COUNT) return
      arrivals[at] = now()
      arrived++
    }
    yield* discovery.onTenantAdded(({ id }) => Effect.sync(() => arrive(id)))
    // What a worker does on each tick.
    yield* discovery.activeTenantIds.pipe(
      Effect.map(keep),
      Effect.repeat(Schedule.spaced("100 millis")),
      Effect.forkScoped
    )
    const loop = monitorEventLoopDelay({ resolution: 1 })
    const publish = (count: number, first: number) =>
      Effect.promise(() =>
        world.publisher.paced({ count, first, channel, perSecond: PER_SECOND, remove: false })
      )
    yield* publish(PER_SECOND, FIRST + COUNT)
    loop.enable()
    const sent = yield* publish(COUNT, FIRST)
    yield* Effect.promise(() => until(() => arrived === COUNT, "all transitions"))
    loop.disable()
    const lag = sent.reduce(
      (worst, at, index) => Math.max(worst, (arrivals[index] ?? Number.NaN) - at),
      0
    )
    process.stderr.write(".")
    return [
      against(
        { row: 16, name: `2000 transitions/s for 10 s, ${name}: worst lag`, unit: "ms" },
        [lag],
        worstLag
      ),
      against(
        { row: 16, name: `the same, ${name}: longest block of the event loop`, unit: "ms" },
        [loop.max / 1e6],
        worstBlock
      )
    ]
  }).pipe(Effect.scoped)

export const sustained: Effect.Effect<ReadonlyArray<Figure>, unknown> = Effect.gen(function* () {
  const small = yield* figures(100_000, "100k", 100, 30)
  return [...small, ...(yield* figures(1_000_000, "1M", 500, 150))]
})

/** Rows 3 to 5: the time from a publication to the view and to a handler. */
import { Effect, type Fiber, Scheduler } from "effect"
import { Redis } from "ioredis"
import { type TenantDiscoveryService, TenantId } from "tenant-discovery"
import { overTheNetwork } from "./harness/discoveries.js"
import { atMost, figure, type Figure, percentile } from "./harness/figure.js"
import { interleave, until } from "./harness/rounds.js"
import { makeTenantManager, makeWorld, type World } from "./harness/world.js"
import { tenantIdAt } from "./traffic.js"

const TENANTS = 1000
/** The published tenants are not in the list. */
const FIRST = 1_000_000

/** Microseconds on the monotonic clock that all processes of a machine share. */
const now = (): number => Number(process.hrtime.bigint()) / 1e3

interface Run {
  readonly count: number
  readonly remove: boolean
}

/** Receives the arrivals of one channel; `arrived` and `begin` are replaced by their users. */
interface Subject {
  readonly channel: string
  arrived: (id: string, at?: number) => void
  begin: (run: Run) => void
}

const subject = (channel: string): Subject => ({
  channel,
  arrived: () => {},
  begin: () => {}
})

const numberOf = (id: string): number => Number.parseInt(id.slice(-8), 16) - FIRST

/** A raw handler parses the message too: it has to know the tenant. */
const rawHandler = (world: World, target: Subject) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const redis = new Redis({ host: world.redis.host, port: world.redis.port })
      redis.on("message", (_channel, raw) => {
        const event = JSON.parse(raw) as { readonly tenant_id: string }
        target.arrived(event.tenant_id)
      })
      await redis.subscribe(target.channel)
      return redis
    }),
    (redis) => Effect.sync(() => redis.disconnect())
  )

/**
 * Runs each task of the discovery and then reads the view. So the measured time has no delay of a
 * reader in it. The tenants of a run appear in the order of their numbers.
 */
class Probe implements Scheduler.Scheduler {
  discovery: TenantDiscoveryService | undefined
  private run: Run = { count: 0, remove: false }
  private next = 0

  constructor(private readonly target: Subject) {}

  shouldYield(fiber: Fiber.RuntimeFiber<unknown, unknown>): number | false {
    return Scheduler.defaultScheduler.shouldYield(fiber)
  }

  scheduleTask(task: Scheduler.Task, priority: number): void {
    Scheduler.defaultScheduler.scheduleTask(() => {
      task()
      this.look()
    }, priority)
  }

  begin(run: Run): void {
    this.run = run
    this.next = 0
  }

  private look(): void {
    const { discovery, run } = this
    if (discovery === undefined || this.next >= run.count) return
    const at = now()
    const view = Effect.runSync(discovery.view.get)
    for (; this.next < run.count; this.next++) {
      const id = TenantId.make(tenantIdAt(FIRST + this.next))
      if (view.has(id) === run.remove) return
      this.target.arrived(id, at)
    }
  }
}

/** Runs that alternate between adding and removing the same tenants; each gives a percentile. */
const latencies = (
  world: World,
  target: Subject,
  pace: { readonly perSecond: number; readonly count: number },
  fraction: number
) => {
  let remove = true
  return async (): Promise<number> => {
    remove = !remove
    const arrivals: Array<number> = Array.from({ length: pace.count }, () => Number.NaN)
    let arrived = 0
    target.arrived = (id, time = now()) => {
      const at = numberOf(id)
      if (at < 0 || at >= pace.count) return
      arrivals[at] = time
      arrived++
    }
    target.begin({ count: pace.count, remove })
    const sent = world.publisher.paced({ ...pace, channel: target.channel, first: FIRST, remove })
    await until(() => arrived === pace.count, `all transitions on ${target.channel}`)
    const took = (await sent).map((at, index) => (arrivals[index] ?? Number.NaN) - at * 1e3)
    return percentile(took, fraction)
  }
}

export const latency: Effect.Effect<ReadonlyArray<Figure>, unknown> = Effect.gen(function* () {
  const world = yield* makeWorld
  const { url } = yield* makeTenantManager
  const theirs = subject("latency:theirs")
  const visible = subject("latency:visible")
  const handler = subject("latency:handler")
  const connect = ({ channel }: Subject) =>
    overTheNetwork({ redis: world.redis, tenantManager: url, tenants: TENANTS, channel })
  yield* rawHandler(world, theirs)
  const probe = new Probe(visible)
  probe.discovery = yield* Effect.withScheduler(connect(visible), probe)
  visible.begin = (run) => probe.begin(run)
  const handled = yield* connect(handler)
  yield* handled.onTenantAdded(({ id }) => Effect.sync(() => handler.arrived(id)))
  yield* handled.onTenantRemoved(({ id }) => Effect.sync(() => handler.arrived(id)))

  // The fast pace first: a program that listens for hours has compiled its code.
  const fast = { perSecond: 1000, count: 2000 }
  const quick = yield* Effect.promise(() =>
    interleave(
      {
        ours: latencies(world, handler, fast, 0.99),
        theirs: latencies(world, theirs, fast, 0.99),
        // Only warms up the code of row 3.
        visible: latencies(world, visible, fast, 0.99)
      },
      { rounds: 6, warmUp: 2, collect: false }
    )
  )
  const slow = { perSecond: 100, count: 150 }
  const steady = yield* Effect.promise(() =>
    interleave(
      {
        theirs: latencies(world, theirs, slow, 0.5),
        visible: latencies(world, visible, slow, 0.5),
        handler: latencies(world, handler, slow, 0.5)
      },
      { rounds: 6, warmUp: 2, collect: false }
    )
  )
  const heading = { baseline: "raw ioredis handler", unit: "us" }
  return [
    figure(
      { row: 3, name: "publish to visible at 100/s, p50", ...heading, budget: atMost(2) },
      { ours: steady.visible, theirs: steady.theirs }
    ),
    figure(
      { row: 4, name: "publish to a handler at 100/s, p50", ...heading, budget: atMost(2.8) },
      { ours: steady.handler, theirs: steady.theirs }
    ),
    figure(
      {
        row: 5,
        name: "publish to a handler at 1000/s, p99, none lost",
        ...heading,
        budget: atMost(8)
      },
      quick
    )
  ]
}).pipe(Effect.scoped)

/** Rows 4 and 5: how long after its publication a transition is seen. */
import { Effect, Fiber, Scheduler, Stream } from "effect"
import { Redis } from "ioredis"
import { type TenantDiscoveryService, TenantId } from "tenant-discovery"
import { overTheNetwork } from "./harness/discoveries.js"
import { atMost, figure, type Figure, percentile, type Reach } from "./harness/figure.js"
import { interleave, type Rounds, until } from "./harness/rounds.js"
import { makeTenantManager, makeWorld, type World } from "./harness/world.js"
import { tenantIdAt } from "./traffic.js"

const TENANTS = 1000
/** Beyond those that the list has. */
const FIRST = 1_000_000
const UNIT = "us"

/** Microseconds on the clock that all processes of the machine share. */
const now = (): number => Number(process.hrtime.bigint()) / 1e3

interface Pace {
  readonly perSecond: number
  readonly count: number
  /** Rounds that are run and not counted, and that are. Even, since each turns the tenants' presence around. */
  readonly warmUp: number
  readonly rounds: number
}

/**
 * The fast one first: a program that listens for hours has compiled what it runs. So many
 * that a pause of the garbage collector is the share of them that it is of the time.
 */
const paces: ReadonlyArray<Pace> = [
  { perSecond: 10_000, count: 10_000, warmUp: 6, rounds: 8 },
  { perSecond: 100, count: 200, warmUp: 2, rounds: 6 }
]

/** Where the times of arrival go: by the number of the tenant. */
interface Subject {
  readonly channel: string
  arrived: (id: string, at?: number) => void
  /** Before each order. */
  begin: (order: Probe["order"]) => void
}

type Subjects = Readonly<Record<"theirs" | "visible" | "handler" | "change", Subject>>

const numberOf = (id: string): number => Number.parseInt(id.slice(-8), 16) - FIRST

const subject = (channel: string): Subject => ({
  channel,
  arrived: () => {},
  begin: () => {}
})

/** The raw handler does what any must: it finds out which tenant the message is about. */
const rawHandler = (world: World, subject: Subject) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const redis = new Redis({ host: world.redis.host, port: world.redis.port })
      redis.on("message", (_channel, raw) => {
        const event = JSON.parse(raw) as { readonly tenant_id: string }
        subject.arrived(event.tenant_id)
      })
      await redis.subscribe(subject.channel)
      return redis
    }),
    (redis) => Effect.sync(() => redis.disconnect())
  )

/**
 * Looks at the view without a reader in between: after each task that the discovery had its
 * scheduler run, which is where it works. Each order tells of its tenants one by one, in the
 * order of their numbers: the next of them is looked for, and those that came with it.
 */
class Probe implements Scheduler.Scheduler {
  discovery: TenantDiscoveryService | undefined
  private order: Pick<Pace, "count"> & { readonly remove: boolean } = { count: 0, remove: false }
  private next = 0

  constructor(private readonly subject: Subject) {}

  shouldYield(fiber: Fiber.RuntimeFiber<unknown, unknown>): number | false {
    return Scheduler.defaultScheduler.shouldYield(fiber)
  }

  scheduleTask(task: Scheduler.Task, priority: number): void {
    Scheduler.defaultScheduler.scheduleTask(() => {
      task()
      this.look()
    }, priority)
  }

  begin(order: Probe["order"]): void {
    this.order = order
    this.next = 0
  }

  /** What a read finds was there before the read. */
  private look(): void {
    const { discovery, order } = this
    if (discovery === undefined) return
    const at = now()
    // Once for all of them: each effect that is run leaves garbage, which the discovery would pay for.
    const view = Effect.runSync(discovery.view.get)
    for (; this.next < order.count; this.next++) {
      const id = TenantId.make(tenantIdAt(FIRST + this.next))
      if (view.has(id) === order.remove) return
      this.subject.arrived(id, at)
    }
  }
}

const latencies = (world: World, subject: Subject, pace: Pace) => {
  let remove = true
  const run = async (): Promise<number> => {
    remove = !remove
    const arrivals: Array<number> = Array.from({ length: pace.count }, () => Number.NaN)
    let arrived = 0
    subject.arrived = (id, time = now()) => {
      const at = numberOf(id)
      if (at < 0 || at >= pace.count) return
      arrivals[at] = time
      arrived++
    }
    subject.begin({ count: pace.count, remove })
    const { count, perSecond } = pace
    const sent = world.publisher.paced({
      count,
      perSecond,
      channel: subject.channel,
      first: FIRST,
      remove
    })
    await until(() => arrived === pace.count, `all transitions on ${subject.channel}`)
    const took = (await sent).map((at, index) => (arrivals[index] ?? Number.NaN) - at * 1e3)
    p99s.push(percentile(took, 0.99))
    return percentile(took, 0.5)
  }
  const p99s: Array<number> = []
  return { run, p99s }
}

const measure = (
  world: World,
  subjects: Subjects,
  pace: Pace
): Effect.Effect<{ readonly p50: Rounds<keyof Subjects>; readonly p99: Rounds<keyof Subjects> }> =>
  Effect.promise(async () => {
    const each = {
      theirs: latencies(world, subjects.theirs, pace),
      visible: latencies(world, subjects.visible, pace),
      handler: latencies(world, subjects.handler, pace),
      change: latencies(world, subjects.change, pace)
    }
    // An even number of runs leaves every channel as it was.
    const p50 = await interleave(
      {
        theirs: each.theirs.run,
        visible: each.visible.run,
        handler: each.handler.run,
        change: each.change.run
      },
      { rounds: pace.rounds, warmUp: pace.warmUp, collect: false }
    )
    return {
      p50,
      p99: {
        theirs: each.theirs.p99s.slice(pace.warmUp),
        visible: each.visible.p99s.slice(pace.warmUp),
        handler: each.handler.p99s.slice(pace.warmUp),
        change: each.change.p99s.slice(pace.warmUp)
      }
    }
  })

const rows = Effect.gen(function* () {
  const world = yield* makeWorld
  const tenantManager = yield* makeTenantManager
  const subjects: Subjects = {
    theirs: subject("latency:theirs"),
    visible: subject("latency:visible"),
    handler: subject("latency:handler"),
    change: subject("latency:change")
  }
  const connect = ({ channel }: Subject) =>
    overTheNetwork({ world, tenantManager, tenants: TENANTS, channel })
  yield* rawHandler(world, subjects.theirs)
  const probe = new Probe(subjects.visible)
  probe.discovery = yield* Effect.withScheduler(connect(subjects.visible), probe)
  subjects.visible.begin = (order) => probe.begin(order)
  const handled = yield* connect(subjects.handler)
  yield* handled.onTenantAdded(({ id }) => Effect.sync(() => subjects.handler.arrived(id)))
  yield* handled.onTenantRemoved(({ id }) => Effect.sync(() => subjects.handler.arrived(id)))
  const changed = yield* connect(subjects.change)
  const reader = yield* Effect.fork(
    Stream.runForEach(changed.changes, ({ tenant }) =>
      Effect.sync(() => subjects.change.arrived(tenant.id))
    )
  )
  yield* Effect.yieldNow()

  const figures: Array<Figure> = []
  for (const pace of paces) {
    const { p50, p99 } = yield* measure(world, subjects, pace)
    const line = (
      row: number,
      what: string,
      name: keyof Subjects,
      [median, tail]: readonly [Reach, Reach]
    ) => {
      const heading = { row, baseline: "raw ioredis handler", unit: UNIT }
      const at = `${what}, ${pace.perSecond} a second`
      const of = (rounds: Rounds<keyof Subjects>) => ({ ours: rounds[name], theirs: rounds.theirs })
      figures.push(
        figure({ ...heading, name: `${at}, p50`, reach: median }, of(p50)),
        figure({ ...heading, name: `${at}, p99`, reach: tail }, of(p99))
      )
    }
    line(4, "publish to visible", "visible", [atMost(1.2), atMost(1.5)])
    line(5, "publish to a handler", "handler", [atMost(1.6), atMost(2)])
    line(5, "publish to a `changes` element", "change", [atMost(1.6), atMost(2)])
  }
  yield* Fiber.interrupt(reader)
  return figures
})

export const latency: Effect.Effect<ReadonlyArray<Figure>, unknown> = Effect.scoped(rows)

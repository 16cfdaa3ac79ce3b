/** Rows 1 to 3: what a message costs, from the socket to the view. */
import { Effect } from "effect"
import { Redis } from "ioredis"
import { TenantId } from "tenant-discovery"
import { HandWrittenTenants } from "./baseline/handWritten.js"
import { overTheNetwork } from "./harness/discoveries.js"
import { atLeast, figure, type Figure, shown } from "./harness/figure.js"
import { interleave, keep, processorTime, until } from "./harness/rounds.js"
import { makeTenantManager, makeWorld, type World } from "./harness/world.js"
import {
  associated,
  ENVIRONMENT,
  SERVICE,
  tenantIdAt,
  traffic,
  type TrafficKind
} from "./traffic.js"

const MESSAGES = 100_000
const TENANTS = 10_000
const UNIT = "messages a second of processor"

/** A message of its own ends each flood, about a tenant that nothing else tells of. */
const LAST = TENANTS

const connection = (world: World, channel: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const redis = new Redis({ host: world.redis.host, port: world.redis.port })
      await redis.subscribe(channel)
      return redis
    }),
    (redis) => Effect.sync(() => redis.disconnect())
  )

interface Subject {
  readonly channel: string
  /** Whether the tenant of the last message is there. */
  readonly seen: (id: TenantId) => boolean
}

/**
 * Floods the channel, and says how many messages a second of this process' time were taken
 * of those that wait. Once before that without counting: what it finds in the caches and
 * collects as garbage is then its own.
 */
const measure = (world: World, subject: Subject, next: () => number): (() => Promise<number>) => {
  /** Microseconds that the flood took. */
  const flood = (): Promise<number> => {
    const id = TenantId.make(tenantIdAt(next()))
    const published = world.publisher.flood(subject.channel, associated(id))
    return processorTime(async () => {
      await published
      await until(() => subject.seen(id), `the last message on ${subject.channel}`)
    })
  }
  return async () => {
    await flood()
    return MESSAGES / ((await flood()) / 1e6)
  }
}

const rows = (kind: TrafficKind) =>
  Effect.gen(function* () {
    const world = yield* makeWorld
    const tenantManager = yield* makeTenantManager
    const options = { kind, count: MESSAGES, tenants: TENANTS, seed: 1 }
    yield* Effect.promise(() => world.publisher.prepare(options))

    let told = 0
    const count = () => {
      told++
    }
    const handWritten = new HandWrittenTenants(SERVICE, ENVIRONMENT, {
      added: count,
      removed: count,
      connectionsChanged: count,
      updated: count,
      warn: count
    })
    handWritten.list(
      Array.from({ length: TENANTS }, (_, index) => ({ id: tenantIdAt(index), status: "active" }))
    )
    const theirs = yield* connection(world, `${kind}:theirs`)
    theirs.on("message", handWritten.onMessage)

    let last = ""
    const idle = yield* connection(world, `${kind}:idle`)
    idle.on("message", (_channel, raw) => {
      last = raw
    })

    const connect = (name: string) =>
      overTheNetwork({ world, tenantManager, tenants: TENANTS, channel: `${kind}:${name}` })
    const ours = yield* connect("ours")
    const withHandlers = yield* connect("handlers")
    yield* withHandlers.onTenantAdded(() => Effect.sync(count))
    yield* withHandlers.onTenantRemoved(() => Effect.sync(count))

    let ended = LAST
    const next = () => ended++
    const measured = yield* Effect.promise(() =>
      interleave(
        {
          theirs: measure(
            world,
            { channel: `${kind}:theirs`, seen: (id) => handWritten.has(id) },
            next
          ),
          ours: measure(
            world,
            { channel: `${kind}:ours`, seen: (id) => Effect.runSync(ours.isActive(id)) },
            next
          ),
          idle: measure(world, { channel: `${kind}:idle`, seen: (id) => last.includes(id) }, next),
          handlers: measure(
            world,
            {
              channel: `${kind}:handlers`,
              seen: (id) => Effect.runSync(withHandlers.isActive(id))
            },
            next
          )
        },
        // What they have compiled stays: a program that listens runs for days.
        { rounds: 7, warmUp: 2, collect: false }
      )
    )
    keep(told)
    return measured
  })

const baseline = "hand-written ioredis + JSON.parse + checks + Map + callbacks"

const bytes = (kind: TrafficKind): string => {
  const messages = traffic({ kind, count: 2000, tenants: TENANTS, seed: 1 })
  const lengths = messages.map((message) => message.length)
  const mean = Math.round(lengths.reduce((sum, length) => sum + length, 0) / lengths.length)
  return `${Math.min(...lengths)} to ${Math.max(...lengths)} bytes, ${mean} on average`
}

export const listener: Effect.Effect<ReadonlyArray<Figure>, unknown> = Effect.gen(function* () {
  const own = yield* Effect.scoped(rows("own"))
  const fleet = yield* Effect.scoped(rows("fleet"))
  return [
    figure(
      {
        row: 1,
        name: `listener, own traffic (${bytes("own")})`,
        baseline,
        unit: UNIT,
        reach: atLeast(0.95)
      },
      own
    ),
    figure(
      {
        row: 1,
        name: "the same, with a handler of added and one of removed",
        baseline,
        unit: UNIT,
        reach: shown
      },
      { ours: own.handlers, theirs: own.theirs }
    ),
    figure(
      {
        row: 2,
        name: `listener, fleet traffic (${bytes("fleet")})`,
        baseline,
        unit: UNIT,
        reach: atLeast(2)
      },
      fleet
    ),
    figure(
      {
        row: 2,
        name: "the same, with a handler of added and one of removed",
        baseline,
        unit: UNIT,
        reach: shown
      },
      { ours: fleet.handlers, theirs: fleet.theirs }
    ),
    figure(
      {
        row: 3,
        name: "listener, fleet traffic",
        baseline: "ioredis, which does nothing with it",
        unit: UNIT,
        reach: atLeast(0.65)
      },
      { ours: fleet.ours, theirs: fleet.idle }
    )
  ]
})

/** Rows 1 and 2: the processor time of a message, from the socket to the view. */
import { Effect } from "effect"
import { Redis } from "ioredis"
import { TenantId } from "tenant-discovery"
import { HandWrittenTenants } from "./baseline/handWritten.js"
import { overTheNetwork } from "./harness/discoveries.js"
import { atLeast, figure, type Figure } from "./harness/figure.js"
import { interleave, keep, processorTime, until } from "./harness/rounds.js"
import { makeTenantManager, makeWorld, type World } from "./harness/world.js"
import { ENVIRONMENT, SERVICE, tenantIdAt, traffic, type TrafficKind } from "./traffic.js"

const MESSAGES = 50_000
const TENANTS = 10_000

interface Subject {
  readonly channel: string
  readonly isActive: (id: TenantId) => boolean
}

/**
 * Messages per second of this process' processor time. One flood runs first and does not count:
 * the counted one then works on its own garbage and caches.
 */
const measure = (world: World, subject: Subject) => {
  // Each flood ends with a tenant that no other message names.
  let next = TENANTS
  const flood = (): Promise<number> => {
    const id = TenantId.make(tenantIdAt(next++))
    return processorTime(async () => {
      await world.publisher.flood(subject.channel, id)
      await until(() => subject.isActive(id), `the last message on ${subject.channel}`)
    })
  }
  return async () => {
    await flood()
    return MESSAGES / ((await flood()) / 1e6)
  }
}

const measured = (kind: TrafficKind) =>
  Effect.gen(function* () {
    const world = yield* makeWorld
    const { url } = yield* makeTenantManager
    const options = { kind, count: MESSAGES, tenants: TENANTS, seed: 1 }
    yield* Effect.promise(() => world.publisher.prepare(options))

    let notified = 0
    const count = () => {
      notified++
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
    const theirs = yield* Effect.acquireRelease(
      Effect.promise(async () => {
        const redis = new Redis({ host: world.redis.host, port: world.redis.port })
        await redis.subscribe(`${kind}:theirs`)
        return redis
      }),
      (redis) => Effect.sync(() => redis.disconnect())
    )
    theirs.on("message", handWritten.onMessage)
    const ours = yield* overTheNetwork({
      redis: world.redis,
      tenantManager: url,
      tenants: TENANTS,
      channel: `${kind}:ours`
    })
    const rounds = yield* Effect.promise(() =>
      interleave(
        {
          ours: measure(world, {
            channel: `${kind}:ours`,
            isActive: (id) => Effect.runSync(ours.isActive(id))
          }),
          theirs: measure(world, {
            channel: `${kind}:theirs`,
            isActive: (id) => handWritten.has(id)
          })
        },
        { rounds: 7, warmUp: 2, collect: false }
      )
    )
    keep(notified)
    return rounds
  }).pipe(Effect.scoped)

const bytes = (kind: TrafficKind): string => {
  const messages = traffic({ kind, count: 2000, tenants: TENANTS, seed: 1 })
  const sum = messages.reduce((all, message) => all + message.length, 0)
  return `${Math.round(sum / messages.length)} bytes`
}

const heading = {
  baseline: "hand-written ioredis + JSON.parse + validation + Map",
  unit: "messages/s of CPU"
}

export const listener: Effect.Effect<ReadonlyArray<Figure>, unknown> = Effect.gen(function* () {
  const own = yield* measured("own")
  const fleet = yield* measured("fleet")
  return [
    figure(
      { row: 1, name: `own traffic (${bytes("own")})`, ...heading, budget: atLeast(0.4) },
      own
    ),
    figure(
      {
        row: 2,
        name: `fleet traffic, 1 in 20 ours (${bytes("fleet")})`,
        ...heading,
        budget: atLeast(1.2)
      },
      fleet
    )
  ]
})

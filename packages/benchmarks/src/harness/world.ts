/** What surrounds a measurement: a Redis server, a publisher and a tenant manager, each a process. */
import { RedisServer } from "@tenant-discovery/simulator"
import { Effect, type Scope } from "effect"
import { associated, type TrafficOptions } from "../traffic.js"
import { answerOf, ask, scoped } from "./childProcess.js"
import type { Answer, Order } from "./publisherProcess.js"

export interface Publisher {
  readonly prepare: (traffic: TrafficOptions) => Promise<void>
  /** Publishes the prepared messages, then one that adds the tenant `last`. */
  readonly flood: (channel: string, last: string) => Promise<void>
  /** Publishes transitions at a rate; gives the time of each in milliseconds. */
  readonly paced: (options: {
    readonly channel: string
    readonly count: number
    readonly perSecond: number
    readonly first: number
    readonly remove: boolean
  }) => Promise<ReadonlyArray<number>>
}

export interface World {
  readonly redis: RedisServer.RedisServer
  readonly publisher: Publisher
}

/** With the default size a collection stops the publisher for 10 ms, and a burst follows. */
const YOUNG_GENERATION = ["--min-semi-space-size=128", "--max-semi-space-size=128"]

/** A Redis without a limit for slow subscribers, and a publisher that is connected to it. */
export const makeWorld: Effect.Effect<World, RedisServer.RedisServerError, Scope.Scope> =
  Effect.gen(function* () {
    const redis = yield* RedisServer.make({
      setup: [["CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 0 0"]]
    })
    const child = yield* scoped("./publisherProcess.js", YOUNG_GENERATION)
    const order = (value: Order) => ask<Answer>(child, value)
    yield* Effect.promise(() => order({ _tag: "Connect", host: redis.host, port: redis.port }))
    return {
      redis,
      publisher: {
        prepare: async (traffic) => {
          await order({ _tag: "Prepare", traffic })
        },
        flood: async (channel, last) => {
          await order({ _tag: "Flood", channel, last: associated(last) })
        },
        paced: async (options) => {
          const answer = await order({ _tag: "Paced", ...options })
          return answer._tag === "Sent" ? answer.at : []
        }
      }
    }
  })

export interface BenchmarkTenantManager {
  /** Without a path; `tenantManagerProcess.ts` describes the paths. */
  readonly url: string
  /** The greatest number of simultaneous lists since the last call. */
  readonly mostAtOnce: Effect.Effect<number>
}

export const makeTenantManager: Effect.Effect<BenchmarkTenantManager, never, Scope.Scope> =
  Effect.gen(function* () {
    const child = yield* scoped("./tenantManagerProcess.js")
    const port = yield* Effect.promise(() => answerOf<number>(child))
    return {
      url: `http://127.0.0.1:${port}`,
      mostAtOnce: Effect.promise(() => ask<number>(child, {}))
    }
  })

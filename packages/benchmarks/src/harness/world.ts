/**
 * The world around what is measured: a real Redis-compatible server, a publisher
 * and a tenant manager, each a process of its own.
 */
import type { ChildProcess } from "node:child_process"
import { RedisServer } from "@tenant-discovery/simulator"
import { Effect, type Scope } from "effect"
import type { TrafficOptions } from "../traffic.js"
import { answerOf, ask, scoped } from "./childProcess.js"
import type { Answer, Order } from "./publisherProcess.js"

export interface Publisher {
  readonly prepare: (traffic: TrafficOptions) => Promise<void>
  readonly flood: (channel: string, last: string) => Promise<void>
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

const tell = (child: ChildProcess, order: Order) => ask<Answer>(child, order)

const publisherOver = (child: ChildProcess): Publisher => {
  return {
    prepare: async (traffic) => {
      await tell(child, { _tag: "Prepare", traffic })
    },
    flood: async (channel, last) => {
      await tell(child, { _tag: "Flood", channel, last })
    },
    paced: async (options) => {
      const answer = await tell(child, { _tag: "Paced", ...options })
      return answer._tag === "Sent" ? answer.at : []
    }
  }
}

/** A Redis that lets a subscriber fall behind as far as it likes, and a publisher connected to it. */
export const makeWorld: Effect.Effect<World, RedisServer.RedisServerError, Scope.Scope> =
  Effect.gen(function* () {
    const redis = yield* RedisServer.make({
      setup: [["CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 0 0"]]
    })
    const child = yield* scoped("./publisherProcess.js")
    yield* Effect.promise(() =>
      tell(child, { _tag: "Connect", host: redis.host, port: redis.port })
    )
    return { redis, publisher: publisherOver(child) }
  })

/** A tenant manager that lists `/{n}/v1/tenants/active`: n tenants. Gives its URL. */
export const makeTenantManager: Effect.Effect<string, never, Scope.Scope> = Effect.gen(
  function* () {
    const child = yield* scoped("./tenantManagerProcess.js")
    const port = yield* Effect.promise(() => answerOf<number>(child))
    return `http://127.0.0.1:${port}`
  }
)

/**
 * The world around what is measured: a real Redis-compatible server, a publisher
 * and a tenant manager, each a process of its own.
 */
import type { ChildProcess } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { RedisServer } from "@tenant-discovery/simulator"
import { Effect, type Scope } from "effect"
import type { TrafficOptions } from "../traffic.js"
import { answerOf, ask, scoped } from "./childProcess.js"
import type { Answer, Order } from "./publisherProcess.js"

export interface Publisher {
  readonly prepare: (traffic: TrafficOptions) => Promise<void>
  /**
   * Publishes what was prepared, and `last`, while this process stands still: by the time it
   * reads, all of it waits in the server. A subscriber that is quicker than the server
   * would else read in small pieces, as they come, and the server's pace is measured.
   */
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

const LIMIT = 30_000

/** A publisher that collects garbage is silent for 10 ms, and then sends a hundred messages at once. */
const ROOM_FOR_THE_YOUNG = ["--min-semi-space-size=128", "--max-semi-space-size=128"]

/** Keeps the event loop of this process from turning until the file is there. */
const standStillUntil = (file: string): void => {
  const deadline = performance.now() + LIMIT
  const never = new Int32Array(new SharedArrayBuffer(4))
  while (!existsSync(file)) {
    if (performance.now() > deadline) throw new Error(`waited ${LIMIT} ms for the publisher`)
    Atomics.wait(never, 0, 0, 2)
  }
}

const publisherOver = (child: ChildProcess, directory: string): Publisher => {
  let floods = 0
  return {
    prepare: async (traffic) => {
      await tell(child, { _tag: "Prepare", traffic })
    },
    flood: async (channel, last) => {
      const done = join(directory, String(floods++))
      const answer = tell(child, { _tag: "Flood", channel, last, done })
      standStillUntil(done)
      await answer
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
    const child = yield* scoped("./publisherProcess.js", ROOM_FOR_THE_YOUNG)
    yield* Effect.promise(() =>
      tell(child, { _tag: "Connect", host: redis.host, port: redis.port })
    )
    const directory = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "tenant-discovery-benchmarks-"))),
      (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
    )
    return { redis, publisher: publisherOver(child, directory) }
  })

/** A tenant manager that lists `/{n}/v1/tenants/active`: n tenants. Gives its URL. */
export const makeTenantManager: Effect.Effect<string, never, Scope.Scope> = Effect.gen(
  function* () {
    const child = yield* scoped("./tenantManagerProcess.js")
    const port = yield* Effect.promise(() => answerOf<number>(child))
    return `http://127.0.0.1:${port}`
  }
)

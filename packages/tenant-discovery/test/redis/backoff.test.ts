import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { Cluster, Redis } from "ioredis"
import { Cluster as Cluster6, Redis as Redis6 } from "ioredis6"
import { defaults, type SubscriberConnection } from "tenant-discovery/RedisTenantEvents"
import { ceiling, delay } from "../../src/internal/redis/backoff.js"

describe("the backoff", () => {
  it("doubles from 200 ms to 30 s, and stays there", () => {
    const ceilings = [0, 1, 2, 7, 8, 100, 5000].map((attempt) => ceiling(defaults.backoff, attempt))
    expect(ceilings).toEqual([200, 400, 800, 25_600, 30_000, 30_000, 30_000])
  })

  it.effect("waits anything up to that", () =>
    Effect.gen(function* () {
      const waits = yield* Effect.replicateEffect(delay(defaults.backoff, 3), 500)
      const millis = waits.map(Duration.toMillis)
      expect(Math.min(...millis)).toBeGreaterThanOrEqual(0)
      expect(Math.max(...millis)).toBeLessThanOrEqual(1600)
      expect(Math.min(...millis)).toBeLessThan(200)
      expect(Math.max(...millis)).toBeGreaterThan(1400)
    })
  )
})

describe("SubscriberConnection", () => {
  it("is what ioredis 5 and 6 offer", () => {
    const made: ReadonlyArray<SubscriberConnection> = [
      new Redis({ lazyConnect: true }),
      new Redis6({ lazyConnect: true }),
      new Cluster([{ host: "localhost" }], { lazyConnect: true }),
      new Cluster6([{ host: "localhost" }], { lazyConnect: true })
    ]
    expect(made.map((connection) => connection.status)).toEqual(made.map(() => "wait"))
  })
})

import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { defaults } from "tenant-discovery/RedisTenantEvents"
import { longestWait, nextWait } from "../../src/internal/redis/backoff.js"

describe("backoff", () => {
  it("doubles from 200 ms to 30 s and stays there", () => {
    expect(
      [0, 1, 2, 7, 8, 100, 5000].map((attempt) => longestWait(defaults.backoff, attempt))
    ).toEqual([200, 400, 800, 25_600, 30_000, 30_000, 30_000])
  })

  it.effect("spreads the waits from 0 to the longest", () =>
    Effect.gen(function* () {
      const waits = yield* Effect.replicateEffect(nextWait(defaults.backoff, 3), 500)
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(0)
      expect(Math.min(...waits)).toBeLessThan(200)
      expect(Math.max(...waits)).toBeGreaterThan(1400)
      expect(Math.max(...waits)).toBeLessThanOrEqual(1600)
    })
  )
})

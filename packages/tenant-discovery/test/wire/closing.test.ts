/** Close is complete and bounded (law 12), on real servers. The model closes at random moments. */
import { describe, expect } from "@effect/vitest"
import { RedisServer, Simulator } from "@tenant-discovery/simulator"
import { Effect } from "effect"
import { hasNative } from "../redis/support.js"
import { eventually, live } from "../support/live.js"
import { startProgram } from "./support.js"

/** `LONG_TESTS=1` runs ten thousand. */
const long = process.env["LONG_TESTS"] === "1"
const REAL = long ? 10_000 : 100
const TIMEOUT = long ? 600_000 : 60_000

const kind = hasNative ? "native" : "embedded"

/** What keeps the process alive. */
const resources = Effect.sync(() => {
  const counts: Record<string, number> = {}
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1
  return { sockets: counts["TCPSocketWrap"] ?? 0, timers: counts["Timeout"] ?? 0 }
})

describe("closing", () => {
  live(
    `leaves no socket and no timer, ${REAL} times on real servers`,
    function* () {
      const redis = yield* RedisServer.make({ kind })
      const simulator = yield* Simulator.make({ redis, environment: "closing", tenants: 8 })
      const once = Effect.scoped(
        Effect.gen(function* () {
          const { discovery } = yield* startProgram(simulator.env)
          expect(yield* discovery.activeTenantIds).toHaveLength(8)
        })
      )
      yield* once
      const before = yield* resources
      yield* Effect.repeatN(once, REAL - 1)
      expect(yield* simulator.listCalls).toBe(REAL + 1)
      yield* eventually(
        resources,
        ({ sockets, timers }) => sockets <= before.sockets && timers <= before.timers
      )
      yield* eventually(redis.command("CLIENT", "LIST"), (clients) => {
        return !String(clients).includes("name=tenant-discovery")
      })
    },
    TIMEOUT
  )
})

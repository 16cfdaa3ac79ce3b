/**
 * Faults of Redis under the whole Node layer: the last view is correct, the status showed the
 * fault, and the close leaves nothing. `gaps.test.ts` has the ways to lose a subscription.
 */
import { describe, expect } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type { LayerConfigOptions } from "../../src/NodeTenantDiscovery.js"
import { TenantId } from "../../src/Tenant.js"
import { SeededRandom, seed } from "../fuzz/hostile.js"
import { eventually } from "../node/support.js"
import { agrees, isLive, quick } from "../wire/support.js"
import { makeInjector } from "./injector.js"
import {
  LONG,
  makeServers,
  modes,
  watch,
  watchLive,
  times,
  expectLoss,
  lastErrorText,
  until
} from "./support.js"
import { live, liveEach } from "../support/live.js"

/** For much traffic: on a busy machine the answer of a heartbeat may be late. */
const patient: LayerConfigOptions = {
  ...quick,
  events: { ...quick.events, heartbeatTimeout: "10 seconds" }
}

const LOST = /^ConnectionLost/
const SILENT = /^HeartbeatTimedOut/

describe("Redis", () => {
  live("starts without Redis and becomes Live when it is there", function* () {
    const servers = yield* makeServers()
    yield* servers.redis.kill
    const { discovery, lines, statuses, verify } = yield* watch(servers)
    expect(yield* discovery.activeTenantIds).toHaveLength(8)
    const { mode } = yield* discovery.status.get
    expect(mode).toBe("BootstrapOnly")
    expect(lastErrorText(yield* discovery.status.get)).toContain("ConnectFailed")
    expect(lines.filter(({ message }) => message.includes("running without events"))).toHaveLength(
      1
    )
    yield* servers.simulator.create({ id: "unheard" })
    yield* servers.redis.start
    yield* isLive(discovery)
    yield* agrees(servers.simulator, discovery)
    yield* verify
    expect(modes(statuses).at(0)).toBe("BootstrapOnly")
    expect(statuses.at(-1)?.mode).toBe("Live")
  })

  live("does not take a list of before a loss for the one after the resubscription", function* () {
    const { discovery, redis, simulator, statuses, verify } = yield* watchLive()
    const gate = yield* simulator.holdNextList()
    const refreshing = yield* Effect.fork(discovery.refresh)
    yield* gate.arrived
    yield* redis.kill
    yield* eventually(discovery.status.get, ({ mode }) => mode === "BootstrapOnly")
    const held = yield* simulator.holdNextList()
    // Neither the subscription nor the list in flight shows this tenant.
    yield* simulator.create({ id: "unheard" })
    yield* redis.start
    yield* eventually(discovery.status.get, ({ mode }) => mode === "Resyncing")
    yield* gate.release
    yield* Fiber.join(refreshing)
    yield* held.arrived
    expect((yield* discovery.status.get).mode).toBe("Resyncing")
    yield* held.release
    yield* isLive(discovery)
    yield* verify
    expectLoss(statuses, /^ConnectionLost/)
  })

  live(
    `follows ${times(50, 4)} restarts at random moments, seed ${seed}`,
    function* () {
      const servers = yield* makeServers()
      const { redis, simulator } = servers
      const { discovery, statuses, verify } = yield* watch(servers)
      const random = new SeededRandom(seed)
      for (let round = 0; round < times(50, 4); round++) {
        yield* simulator.create({ id: `before-${round}` })
        yield* redis.kill
        yield* simulator.create({ id: `during-${round}` })
        if (round > 0) yield* simulator.suspend(`during-${round - 1}`)
        yield* redis.start
        // The next restart strikes a recovered or a recovering program.
        if (random.chance(0.5)) yield* isLive(discovery)
      }
      yield* isLive(discovery)
      yield* verify
      expectLoss(statuses, /^ConnectionLost/)
      // At most one list per gap and one retry.
      expect(yield* simulator.listCalls).toBeLessThanOrEqual(2 + 2 * times(50, 4))
    },
    LONG
  )

  const random = new SeededRandom(seed)
  const garbage = [
    ["bytes that are not a reply", Buffer.from("\u0007 nonsense \u0000\r\n"), LOST],
    ["a reply with an impossible length", Buffer.from("$99999999999999999999\r\n"), SILENT],
    [
      `random bytes, seed ${seed}`,
      Buffer.from(Array.from({ length: 4096 }, () => random.below(256))),
      undefined
    ],
    ["unexpected replies", Buffer.from("+OK\r\n".repeat(3)), LOST]
  ] as const

  liveEach(garbage)("recovers from garbage on the socket: %s", function* ([, bytes, reason]) {
    const servers = yield* makeServers()
    const injector = yield* makeInjector(servers.proxy)
    const { discovery, statuses, verify } = yield* watch(servers, {
      variables: { MULTI_TENANT_REDIS_PORT: String(injector.port) }
    })
    yield* isLive(discovery)
    yield* injector.inject(bytes)
    if (reason !== undefined) {
      yield* until("the status shows the fault", discovery.status.get, (status) =>
        reason.test(lastErrorText(status))
      )
    }
    yield* servers.simulator.create({ id: "after-the-garbage" })
    yield* agrees(servers.simulator, discovery)
    yield* isLive(discovery)
    yield* verify
    // Random bytes may happen to be valid.
    if (reason !== undefined || modes(statuses).length > 1) {
      expectLoss(statuses, reason ?? /^(?:ConnectionLost|HeartbeatTimedOut)/)
    }
  })

  liveEach([["both ways"], ["toServer"], ["toClient"]] as const)(
    "loses nothing over a link of 20 kB/s: %s",
    function* ([way]) {
      const { discovery, proxy, simulator, verifyLive } = yield* watchLive({}, { program: patient })
      const lists = yield* simulator.listCalls
      yield* proxy.slow(20_000, way === "both ways" ? undefined : way)
      yield* simulator.bulkCreate(20)
      yield* agrees(simulator, discovery)
      expect(yield* simulator.listCalls).toBe(lists)
      yield* proxy.resume
      yield* verifyLive
    }
  )

  live("replaces a link that delivers more slowly than messages are published", function* () {
    const { discovery, proxy, simulator, statuses, verify } = yield* watchLive()
    yield* proxy.slow(20_000, "toClient")
    // Ten seconds of messages, then the event: a list is faster.
    yield* simulator.publishRaw(
      simulator.channel ?? "",
      Array.from({ length: 200 }, () => "x".repeat(1000))
    )
    yield* simulator.create({ id: "behind-it-all" })
    yield* until("the status shows the fault", discovery.status.get, (status) =>
      SILENT.test(lastErrorText(status))
    )
    yield* eventually(discovery.isActive(TenantId.make("behind-it-all")), (active) => active)
    yield* isLive(discovery)
    yield* proxy.resume
    yield* verify
    expectLoss(statuses, SILENT)
  })

  live("accepts messages of 10 MB", function* () {
    const { discovery, simulator, statuses, verify } = yield* watchLive({}, { program: patient })
    const lists = yield* simulator.listCalls
    yield* simulator.publishRaw(simulator.channel ?? "", [
      JSON.stringify({ event_type: "tenant.created", tenant_id: "x", junk: "x".repeat(10e6) }),
      "x".repeat(10e6),
      JSON.stringify({ event_type: "y".repeat(10e6), tenant_id: "x" })
    ])
    yield* simulator.create({ id: "after-it" })
    yield* agrees(simulator, discovery)
    expect(yield* simulator.listCalls).toBe(lists)
    yield* verify
    expect(new Set(statuses.map(({ mode }) => mode))).toEqual(new Set(["Live"]))
  })

  live(
    `applies a burst of ${times(100_000, 10_000)} events`,
    function* () {
      // The publisher shares this process: on a slow machine the server buffers more than its
      // default limit of 32 MB.
      const limit = ["CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 0 0"]
      const { discovery, simulator, statuses, verify } = yield* watchLive(
        { redis: { setup: [limit] } },
        { program: patient }
      )
      const { size } = yield* discovery.view.get
      const { tenantIds } = yield* simulator.bulkCreate(times(100_000, 10_000))
      // Compares the sizes: to compare all IDs repeatedly would block the event loop.
      yield* until(
        "all are visible",
        Effect.map(discovery.view.get, (view) => view.size),
        (seen) => seen === size + tenantIds.length
      )
      yield* agrees(simulator, discovery)
      yield* isLive(discovery)
      yield* verify
      // An overflow may occur; the connection stays.
      expect(statuses.map(lastErrorText).filter((text) => !/^(?:Overflow|$)/.test(text))).toEqual(
        []
      )
      expect(statuses.at(-1)?.mode).toBe("Live")
    },
    LONG
  )
})

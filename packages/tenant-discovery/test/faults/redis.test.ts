/**
 * Redis, treated badly, under the whole Node layer: the view is the truth in the end,
 * the status said what was the matter, and nothing is left. How a lost subscription
 * is made good, by every way of losing it, is in `gaps.test.ts`.
 */
import { describe, expect, it } from "@effect/vitest"
import { TestCertificates } from "@tenant-discovery/simulator"
import { Effect, Fiber } from "effect"
import type { LayerConfigOptions } from "../../src/NodeTenantDiscovery.js"
import { TenantId } from "../../src/Tenant.js"
import { Dice, seed } from "../fuzz/hostile.js"
import { eventually } from "../node/support.js"
import { agrees, isLive, quick } from "../wire/support.js"
import { makeInjector } from "./injector.js"
import {
  LONG,
  long,
  makeStage,
  modes,
  play,
  type Stage,
  times,
  toldOfLoss,
  trouble,
  until
} from "./support.js"

const base64 = (text: string) => Buffer.from(text).toString("base64")

/** Where much is to be read, an answer may be late on a busy machine. */
const patient: LayerConfigOptions = {
  ...quick,
  events: { ...quick.events, heartbeatTimeout: "10 seconds" }
}

const LOST = /^ConnectionLost/
const SILENT = /^HeartbeatTimedOut/

describe("Redis", () => {
  it.scopedLive("down at the start, and there later", () =>
    Effect.gen(function* () {
      const stage = yield* makeStage()
      yield* stage.redis.kill
      const { discovery, lines, statuses, verdict } = yield* play(stage)
      expect(yield* discovery.activeTenantIds).toHaveLength(8)
      const { mode } = yield* discovery.status.get
      expect(mode).toBe("BootstrapOnly")
      expect(trouble(yield* discovery.status.get)).toContain("ConnectFailed")
      expect(lines.filter(({ message }) => message.includes("no subscription"))).toHaveLength(1)
      yield* stage.simulator.create({ id: "unheard" })
      yield* stage.redis.start
      yield* isLive(discovery)
      yield* agrees(stage.simulator, discovery)
      yield* verdict
      expect(modes(statuses).at(0)).toBe("BootstrapOnly")
      expect(statuses.at(-1)?.mode).toBe("Live")
    })
  )

  it.scopedLive("killed in the middle of a list, which is not taken for the one after it", () =>
    Effect.gen(function* () {
      const stage = yield* makeStage()
      const { redis, simulator } = stage
      const { discovery, statuses, verdict } = yield* play(stage)
      yield* isLive(discovery)
      const gate = yield* simulator.holdNextList()
      const refreshing = yield* Effect.fork(discovery.refresh)
      yield* gate.arrived
      yield* redis.kill
      yield* eventually(discovery.status.get, ({ mode }) => mode === "BootstrapOnly")
      const held = yield* simulator.holdNextList()
      // Neither the subscription nor the list under way knows of it.
      yield* simulator.create({ id: "unheard" })
      yield* redis.start
      yield* eventually(discovery.status.get, ({ mode }) => mode === "Resyncing")
      yield* gate.release
      yield* Fiber.join(refreshing)
      yield* held.arrived
      expect((yield* discovery.status.get).mode).toBe("Resyncing")
      yield* held.release
      yield* isLive(discovery)
      yield* verdict
      toldOfLoss(statuses, /^ConnectionLost/)
    })
  )

  it.scopedLive(
    `restarted ${times(50, 4)} times at random, seed ${seed}`,
    () =>
      Effect.gen(function* () {
        const stage = yield* makeStage()
        const { redis, simulator } = stage
        const { discovery, statuses, verdict } = yield* play(stage)
        const dice = new Dice(seed)
        for (let round = 0; round < times(50, 4); round++) {
          yield* simulator.create({ id: `before-${round}` })
          yield* redis.kill
          yield* simulator.create({ id: `during-${round}` })
          if (round > 0) yield* simulator.suspend(`during-${round - 1}`)
          yield* redis.start
          // Sometimes at rest, sometimes in the middle of coming back.
          if (dice.chance(0.5)) yield* isLive(discovery)
        }
        yield* isLive(discovery)
        yield* verdict
        toldOfLoss(statuses, /^ConnectionLost/)
        // One a gap, one a retry at most: coming and going makes no storm of them.
        expect(yield* simulator.listCalls).toBeLessThanOrEqual(2 + 2 * times(50, 4))
      }),
    LONG
  )

  const links = [
    ["reset", ({ proxy }) => proxy.reset, LOST],
    ["halved in the middle of a message", ({ proxy }) => proxy.halve(40, "toClient"), LOST],
    ["halved in the middle of a PING", ({ proxy }) => proxy.halve(5, "toServer"), LOST],
    ["held on the way to the server", ({ proxy }) => proxy.hold("toServer"), SILENT],
    ["held on the way from the server", ({ proxy }) => proxy.hold("toClient"), SILENT],
    ["dead on the way to the server", ({ proxy }) => proxy.blackhole("toServer"), SILENT],
    ["dead on the way from the server", ({ proxy }) => proxy.blackhole("toClient"), SILENT]
  ] as const satisfies ReadonlyArray<
    readonly [string, (stage: Stage) => Effect.Effect<void>, RegExp]
  >

  // What is dead costs a connect timeout each, and what is held stands for it.
  const taken = links.filter(([name]) => long || !name.startsWith("dead"))
  it.scopedLive.each(taken)("the link %s", ([, strike, reason]) =>
    Effect.gen(function* () {
      const stage = yield* makeStage()
      const { proxy, simulator } = stage
      const { discovery, statuses, verdict } = yield* play(stage)
      yield* isLive(discovery)
      const accepted = yield* proxy.accepted
      yield* strike(stage)
      yield* simulator.create({ id: "meanwhile" })
      yield* eventually(proxy.accepted, (count) => count > accepted)
      yield* proxy.resume
      yield* eventually(discovery.isActive(TenantId.make("meanwhile")), (active) => active)
      yield* isLive(discovery)
      yield* verdict
      toldOfLoss(statuses, reason)
    })
  )

  const dice = new Dice(seed)
  const garbage = [
    ["bytes that are no reply", Buffer.from("\u0007 nonsense \u0000\r\n"), LOST],
    ["a reply of a length that cannot be", Buffer.from("$99999999999999999999\r\n"), SILENT],
    [
      `random bytes, seed ${seed}`,
      Buffer.from(Array.from({ length: 4096 }, () => dice.below(256))),
      undefined
    ],
    ["a reply that nobody asked for", Buffer.from("+OK\r\n".repeat(3)), LOST]
  ] as const

  it.scopedLive.each(garbage)("garbage on the socket: %s", ([, bytes, reason]) =>
    Effect.gen(function* () {
      const stage = yield* makeStage()
      const injector = yield* makeInjector(stage.proxy)
      const { discovery, statuses, verdict } = yield* play(stage, {
        variables: { MULTI_TENANT_REDIS_PORT: String(injector.port) }
      })
      yield* isLive(discovery)
      yield* injector.inject(bytes)
      if (reason !== undefined) {
        yield* until("the status says why", discovery.status.get, (status) =>
          reason.test(trouble(status))
        )
      }
      yield* stage.simulator.create({ id: "after-the-garbage" })
      yield* agrees(stage.simulator, discovery)
      yield* isLive(discovery)
      yield* verdict
      // Random ones may be taken for anything, and then nothing is lost.
      if (reason !== undefined || modes(statuses).length > 1) {
        toldOfLoss(statuses, reason ?? /^(?:ConnectionLost|HeartbeatTimedOut)/)
      }
    })
  )

  it.scopedLive.each([["both ways"], ["toServer"], ["toClient"]] as const)(
    "a link of 20 kB a second loses nothing: %s",
    ([way]) =>
      Effect.gen(function* () {
        const stage = yield* makeStage()
        const { discovery, statuses, verdict } = yield* play(stage, { program: patient })
        yield* isLive(discovery)
        const lists = yield* stage.simulator.listCalls
        yield* stage.proxy.slow(20_000, way === "both ways" ? undefined : way)
        yield* stage.simulator.bulkCreate(20)
        yield* agrees(stage.simulator, discovery)
        expect(yield* stage.simulator.listCalls).toBe(lists)
        yield* stage.proxy.resume
        yield* verdict
        expect(modes(statuses)).toEqual(["Live"])
      })
  )

  it.scopedLive(
    "a link that more is published on than comes through: given up while it delivers",
    () =>
      Effect.gen(function* () {
        const stage = yield* makeStage()
        const { proxy, simulator } = stage
        const { discovery, statuses, verdict } = yield* play(stage)
        yield* isLive(discovery)
        yield* proxy.slow(20_000, "toClient")
        // Ten seconds of it, and the event behind: a list is there sooner.
        yield* simulator.publishRaw(
          simulator.channel ?? "",
          Array.from({ length: 200 }, () => "x".repeat(1000))
        )
        yield* simulator.create({ id: "behind-it-all" })
        yield* until("the status says why", discovery.status.get, (status) =>
          SILENT.test(trouble(status))
        )
        yield* eventually(discovery.isActive(TenantId.make("behind-it-all")), (active) => active)
        yield* isLive(discovery)
        yield* proxy.resume
        yield* verdict
        toldOfLoss(statuses, SILENT)
      })
  )

  it.scopedLive("a wrong password, then mended", () =>
    Effect.gen(function* () {
      const stage = yield* makeStage({ redis: { password: "right-horse" } })
      const { discovery, lines, statuses, verdict } = yield* play(stage, {
        variables: { MULTI_TENANT_REDIS_PASSWORD: "wrong-horse" }
      })
      expect((yield* discovery.status.get).mode).toBe("BootstrapOnly")
      expect(trouble(yield* discovery.status.get)).toContain("MULTI_TENANT_REDIS_PASSWORD")
      yield* stage.redis.command("CONFIG", "SET", "requirepass", "wrong-horse")
      yield* isLive(discovery)
      yield* verdict
      expect(JSON.stringify([lines, statuses])).not.toContain("wrong-horse")
      toldOfLoss(statuses, /^ConnectFailed.*WRONGPASS/)
    })
  )

  it.scopedLive("an ACL without the channel, then granted", () =>
    Effect.gen(function* () {
      const stage = yield* makeStage({
        redis: { setup: [["ACL", "SETUSER", "worker", "on", ">pw", "resetchannels", "+@all"]] }
      })
      const { discovery, statuses, verdict } = yield* play(stage, {
        variables: { MULTI_TENANT_REDIS_USERNAME: "worker", MULTI_TENANT_REDIS_PASSWORD: "pw" }
      })
      expect((yield* discovery.status.get).mode).toBe("BootstrapOnly")
      expect(trouble(yield* discovery.status.get)).toMatch(/SubscribeFailed.*NOPERM/)
      yield* stage.redis.command("ACL", "SETUSER", "worker", "&tenant-events:*")
      yield* isLive(discovery)
      yield* verdict
      toldOfLoss(statuses, /^SubscribeFailed.*NOPERM/)
    })
  )

  const refusals = [
    ["TLS with another's CA", true, "true", TestCertificates.unrelatedCa, "REDIS_CA_CERT"],
    ["TLS to another's name", "wrongName", "true", TestCertificates.ca, "for another name"],
    ["plain to TLS", true, "false", undefined, "MULTI_TENANT_REDIS_TLS=true"],
    ["TLS to plain", undefined, "true", undefined, "MULTI_TENANT_REDIS_TLS=false"]
  ] as const

  it.scopedLive.each(refusals)(
    "%s: lists go on, and the status names the way out",
    ([, server, tls, ca, hint]) =>
      Effect.gen(function* () {
        const stage = yield* makeStage({
          redis: { tls: server === "wrongName" ? TestCertificates.wrongName : server }
        })
        const port = server === undefined ? stage.redis.port : stage.redis.tls?.port
        const { discovery, statuses, verdict } = yield* play(stage, {
          variables: {
            MULTI_TENANT_REDIS_HOST: "localhost",
            MULTI_TENANT_REDIS_PORT: String(port),
            MULTI_TENANT_REDIS_TLS: tls,
            ...(ca === undefined ? {} : { MULTI_TENANT_REDIS_CA_CERT: base64(ca) })
          }
        })
        yield* eventually(discovery.status.get, (status) => trouble(status).includes(hint))
        expect((yield* discovery.status.get).mode).toBe("BootstrapOnly")
        yield* stage.simulator.create({ id: "found-by-a-list" })
        yield* discovery.refresh
        yield* verdict
        expect(modes(statuses)).toEqual(["BootstrapOnly"])
      })
  )

  it.scopedLive("a message of 10 MB is one like any other", () =>
    Effect.gen(function* () {
      const stage = yield* makeStage()
      const { discovery, statuses, verdict } = yield* play(stage, { program: patient })
      yield* isLive(discovery)
      const lists = yield* stage.simulator.listCalls
      yield* stage.simulator.publishRaw(stage.simulator.channel ?? "", [
        JSON.stringify({ event_type: "tenant.created", tenant_id: "x", junk: "x".repeat(10e6) }),
        "x".repeat(10e6),
        JSON.stringify({ event_type: "y".repeat(10e6), tenant_id: "x" })
      ])
      yield* stage.simulator.create({ id: "after-it" })
      yield* agrees(stage.simulator, discovery)
      expect(yield* stage.simulator.listCalls).toBe(lists)
      yield* verdict
      expect(new Set(statuses.map(({ mode }) => mode))).toEqual(new Set(["Live"]))
    })
  )

  it.scopedLive(
    `a burst of ${times(100_000, 10_000)} events`,
    () =>
      Effect.gen(function* () {
        // The publisher takes this process' time as well: on a slow machine more than the 32 MB
        // wait in the server at which it drops a subscriber by default.
        const limit = ["CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 0 0"]
        const stage = yield* makeStage({ redis: { setup: [limit] } })
        const { discovery, statuses, verdict } = yield* play(stage, { program: patient })
        yield* isLive(discovery)
        const { size } = yield* discovery.view.get
        const { tenantIds } = yield* stage.simulator.bulkCreate(times(100_000, 10_000))
        // To compare all IDs takes a quarter of a second: again and again, it would keep this
        // process from reading what still waits, and from hearing an answer to a PING in time.
        yield* until(
          "all are seen",
          Effect.map(discovery.view.get, (view) => view.size),
          (seen) => seen === size + tenantIds.length
        )
        yield* agrees(stage.simulator, discovery)
        yield* isLive(discovery)
        yield* verdict
        // What was too much was let go and said to be; the connection was never lost.
        expect(statuses.map(trouble).filter((text) => !/^(?:Overflow|$)/.test(text))).toEqual([])
        expect(statuses.at(-1)?.mode).toBe("Live")
      }),
    LONG
  )

  it.scopedLive("more events at once than may wait: it is said, and a list makes it good", () =>
    Effect.gen(function* () {
      const stage = yield* makeStage()
      const { discovery, statuses, verdict } = yield* play(stage, {
        program: { ...patient, discovery: { ...quick.discovery, bufferMessages: 20 } }
      })
      yield* isLive(discovery)
      const lists = yield* stage.simulator.listCalls
      yield* stage.simulator.bulkCreate(2_000)
      yield* agrees(stage.simulator, discovery)
      yield* isLive(discovery)
      yield* verdict
      expect(yield* stage.simulator.listCalls).toBeGreaterThan(lists)
      expect(statuses.map(trouble).filter((text) => text.startsWith("Overflow"))).not.toEqual([])
      // The subscription itself was never lost.
      expect(modes(statuses)).not.toContain("BootstrapOnly")
      expect(statuses.at(-1)?.mode).toBe("Live")
    })
  )

  it.scopedLive(
    "a flood of another service's events hides none of ours",
    () =>
      Effect.gen(function* () {
        const stage = yield* makeStage()
        const { simulator } = stage
        const { discovery, statuses, verdict } = yield* play(stage, { program: patient })
        yield* isLive(discovery)
        const lists = yield* simulator.listCalls
        const foreign = Array.from({ length: 5_000 }, (_, index) =>
          JSON.stringify({
            event_id: `foreign-${index}`,
            event_type: "tenant.service.associated",
            tenant_id: `foreign-${index}`,
            payload: { service_name: "another" }
          })
        )
        for (let round = 0; round < times(20, 4); round++) {
          yield* simulator.publishRaw(simulator.channel ?? "", foreign)
          yield* simulator.create({ id: `ours-${round}` })
        }
        yield* agrees(simulator, discovery)
        expect(yield* simulator.listCalls).toBe(lists)
        yield* verdict
        expect(modes(statuses)).toEqual(["Live"])
      }),
    LONG
  )
})

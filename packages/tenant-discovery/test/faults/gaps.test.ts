/**
 * Each way to lose the subscription, on real servers: after the recovery the view has the changes
 * of the gap, readers received them as transitions, and the status showed the loss.
 */
import { describe, expect, it } from "@effect/vitest"
import type { RedisServer } from "@tenant-discovery/simulator"
import { Effect, Fiber, Stream } from "effect"
import { agrees, isLive } from "../wire/support.js"
import {
  hasNative,
  kind,
  long,
  makeServers,
  watch,
  type Servers,
  expectLoss,
  lastErrorText
} from "./support.js"

interface Fault {
  readonly name: string
  /** Whether only a native server supports it. */
  readonly native?: boolean
  /** Whether only a long run takes it: its recovery waits for a connect timeout. */
  readonly long?: boolean
  readonly redis?: RedisServer.RedisServerOptions
  readonly user?: { readonly name: string; readonly password: string }
  readonly strike: (servers: Servers) => Effect.Effect<unknown, unknown>
  readonly mend: (servers: Servers) => Effect.Effect<unknown, unknown>
  /** The last error of the status. */
  readonly reason: RegExp
}

const LOST = /^ConnectionLost/
const SILENT = /^HeartbeatTimedOut/

const MESSAGE = "x".repeat(64 * 1024)

const faults: ReadonlyArray<Fault> = [
  {
    name: "a killed and restarted server",
    strike: ({ redis }) => redis.kill,
    mend: ({ redis }) => redis.start,
    reason: /^ConnectionLost/
  },
  {
    name: "CLIENT KILL",
    strike: ({ redis }) => redis.command("CLIENT", "KILL", "TYPE", "pubsub"),
    mend: () => Effect.void,
    reason: /^ConnectionLost/
  },
  {
    name: "a stopped and continued process",
    strike: ({ redis }) => redis.stop,
    mend: ({ redis }) => redis.continue,
    reason: /^HeartbeatTimedOut/
  },
  {
    name: "a refused and closed link",
    strike: ({ proxy }) => proxy.cut,
    mend: ({ proxy }) => proxy.resume,
    reason: /^ConnectionLost/
  },
  {
    name: "a link that drops all bytes",
    strike: ({ proxy }) => proxy.blackhole(),
    mend: ({ proxy }) => proxy.resume,
    reason: /^HeartbeatTimedOut/
  },
  {
    name: "an exceeded output buffer limit",
    native: true,
    redis: { nativeConfig: ["client-output-buffer-limit pubsub 1mb 512kb 1"] },
    strike: ({ proxy, simulator }) =>
      Effect.zipRight(
        proxy.hold("toClient"),
        simulator.publishRaw(
          simulator.channel ?? "",
          Array.from({ length: 400 }, () => MESSAGE)
        )
      ),
    mend: ({ proxy }) => proxy.resume,
    // The server disconnects; a held link hides that until the heartbeat times out.
    reason: /^(?:HeartbeatTimedOut|ConnectionLost)/
  },
  {
    name: "a revoked and restored ACL of the channel",
    native: true,
    redis: {
      setup: [["ACL", "SETUSER", "worker", "on", ">pw", "~*", "&tenant-events:*", "+@all"]]
    },
    user: { name: "worker", password: "pw" },
    strike: ({ redis }) => redis.command("ACL", "SETUSER", "worker", "resetchannels"),
    mend: ({ redis }) => redis.command("ACL", "SETUSER", "worker", "&tenant-events:*"),
    reason: /^SubscribeFailed.*NOPERM/
  },
  ...(
    [
      ["a reset link", ({ proxy }) => proxy.reset, LOST],
      ["a link that ends within a message", ({ proxy }) => proxy.halve(40, "toClient"), LOST],
      ["a link that ends within a PING", ({ proxy }) => proxy.halve(5, "toServer"), LOST],
      ["a link held to the server", ({ proxy }) => proxy.hold("toServer"), SILENT],
      ["a link held from the server", ({ proxy }) => proxy.hold("toClient"), SILENT],
      ["a link dead to the server", ({ proxy }) => proxy.blackhole("toServer"), SILENT],
      ["a link dead from the server", ({ proxy }) => proxy.blackhole("toClient"), SILENT]
    ] as const satisfies ReadonlyArray<readonly [string, Fault["strike"], RegExp]>
  ).map(([name, strike, reason]): Fault => ({
    name,
    strike,
    mend: ({ proxy }) => proxy.resume,
    reason,
    long: name.includes("dead")
  }))
]

const kindFor = (fault: Fault) => (fault.native === true ? "native" : kind)

const taken = faults.filter((fault) => (!fault.native || hasNative) && (!fault.long || long))

describe("closes the gap after", () => {
  for (const fault of taken) {
    it.scopedLive(fault.name, () =>
      Effect.gen(function* () {
        const servers = yield* makeServers({
          redis: { ...fault.redis, kind: kindFor(fault) },
          // No publication waits for a stopped server.
          publishTimeoutMillis: 500
        })
        const { simulator } = servers
        const { discovery, statuses, notified, verify } = yield* watch(
          servers,
          fault.user === undefined
            ? {}
            : {
                variables: {
                  MULTI_TENANT_REDIS_USERNAME: fault.user.name,
                  MULTI_TENANT_REDIS_PASSWORD: fault.user.password
                }
              }
        )
        yield* isLive(discovery)
        yield* agrees(simulator, discovery)
        const [present] = yield* simulator.activeTenantIds()

        const failing = yield* discovery.status.changes.pipe(
          Stream.takeUntil((status) => fault.reason.test(lastErrorText(status))),
          Stream.runDrain,
          Effect.fork
        )
        yield* Effect.yieldNow()
        yield* fault.strike(servers)
        yield* simulator.create({ id: "added-meanwhile" })
        yield* simulator.suspend(present ?? "")
        yield* Fiber.join(failing)
        yield* fault.mend(servers)

        yield* agrees(simulator, discovery)
        yield* isLive(discovery)
        // Events arrive again: no list is needed.
        const lists = yield* simulator.listCalls
        yield* simulator.create({ id: "added-afterwards" })
        yield* agrees(simulator, discovery)
        expect(yield* simulator.listCalls).toBe(lists)

        yield* verify
        expect(notified.slice(-3).toSorted()).toEqual(
          [`Removed ${present}`, "Added added-afterwards", "Added added-meanwhile"].toSorted()
        )
        expectLoss(statuses, fault.reason)
      })
    )
  }
})

/**
 * Each way to lose the subscription, on real servers: after the recovery the view has the changes
 * of the gap, readers received them as transitions, and the status showed the loss.
 */
import { describe, expect } from "@effect/vitest"
import type { RedisServer } from "@tenant-discovery/simulator"
import { Effect, Fiber, Stream } from "effect"
import { agrees, isLive } from "../wire/support.js"
import { hasNative, long, watchLive, type Servers, expectLoss, lastErrorText } from "./support.js"
import { liveEach } from "../support/live.js"

const ACL = ["ACL", "SETUSER", "worker"] as const
const CUT = /^ConnectionLost/
const SILENT = /^HeartbeatTimedOut/
const FLOOD = Array.from({ length: 400 }, () => "x".repeat(64 * 1024))

type Step = (servers: Servers) => Effect.Effect<unknown, unknown>

interface Needs {
  /** `native`: only a native server supports it; `long`: its recovery waits for a connect timeout. */
  readonly only?: "native" | "long"
  readonly redis?: RedisServer.RedisServerOptions
  readonly variables?: Readonly<Record<string, string>>
}

const resume: Step = ({ proxy }) => proxy.resume

/** The last error of the status matches `reason`. */
const faults: ReadonlyArray<
  readonly [name: string, strike: Step, mend: Step, reason: RegExp, needs?: Needs]
> = [
  ["a killed server", ({ redis }) => redis.kill, ({ redis }) => redis.start, CUT],
  [
    "CLIENT KILL",
    ({ redis }) => redis.command("CLIENT", "KILL", "TYPE", "pubsub"),
    () => Effect.void,
    CUT
  ],
  ["a stopped process", ({ redis }) => redis.stop, ({ redis }) => redis.continue, SILENT],
  ["a refused and closed link", ({ proxy }) => proxy.cut, resume, CUT],
  ["a link that drops all bytes", ({ proxy }) => proxy.blackhole(), resume, SILENT],
  ["a reset link", ({ proxy }) => proxy.reset, resume, CUT],
  ["a link that ends in a message", ({ proxy }) => proxy.halve(40, "toClient"), resume, CUT],
  ["a link that ends in a PING", ({ proxy }) => proxy.halve(5, "toServer"), resume, CUT],
  ["a link held to the server", ({ proxy }) => proxy.hold("toServer"), resume, SILENT],
  ["a link held from the server", ({ proxy }) => proxy.hold("toClient"), resume, SILENT],
  [
    "a link dead to the server",
    ({ proxy }) => proxy.blackhole("toServer"),
    resume,
    SILENT,
    { only: "long" }
  ],
  [
    "a link dead from the server",
    ({ proxy }) => proxy.blackhole("toClient"),
    resume,
    SILENT,
    { only: "long" }
  ],
  [
    "an exceeded output buffer limit",
    ({ proxy, simulator }) =>
      Effect.zipRight(proxy.hold("toClient"), simulator.publishRaw(simulator.channel ?? "", FLOOD)),
    resume,
    // The server disconnects; a held link hides that until the heartbeat times out.
    /^(?:HeartbeatTimedOut|ConnectionLost)/,
    {
      only: "native",
      redis: { nativeConfig: ["client-output-buffer-limit pubsub 1mb 512kb 1"] }
    }
  ],
  [
    "a revoked ACL of the channel",
    ({ redis }) => redis.command(...ACL, "resetchannels"),
    ({ redis }) => redis.command(...ACL, "&tenant-events:*"),
    /^SubscribeFailed.*NOPERM/,
    {
      only: "native",
      redis: { setup: [[...ACL, "on", ">pw", "~*", "&tenant-events:*", "+@all"]] },
      variables: { MULTI_TENANT_REDIS_USERNAME: "worker", MULTI_TENANT_REDIS_PASSWORD: "pw" }
    }
  ]
]

const taken = faults.filter(([, , , , { only } = {}]) =>
  only === "native" ? hasNative : only === undefined || long
)

describe("closes the gap after", () => {
  liveEach(taken)("%s", function* ([, strike, mend, reason, { redis, variables = {} } = {}]) {
    // No publication waits for a stopped server.
    const { discovery, notified, servers, simulator, statuses, verify } = yield* watchLive(
      { redis: redis ?? {}, publishTimeoutMillis: 500 },
      { variables }
    )
    yield* agrees(simulator, discovery)
    const [present] = yield* simulator.activeTenantIds()

    const failing = yield* discovery.status.changes.pipe(
      Stream.takeUntil((status) => reason.test(lastErrorText(status))),
      Stream.runDrain,
      Effect.fork
    )
    yield* Effect.yieldNow()
    yield* strike(servers)
    yield* simulator.create({ id: "added-meanwhile" })
    yield* simulator.suspend(present ?? "")
    yield* Fiber.join(failing)
    yield* mend(servers)

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
    expectLoss(statuses, reason)
  })
})

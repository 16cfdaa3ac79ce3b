/**
 * Every way of losing the subscription, on real servers: what changed meanwhile is
 * in the view once Redis can be reached again, told as transitions, and the status
 * said so all along (laws 4, 9 and 13).
 */
import { describe, expect, it } from "@effect/vitest"
import type { RedisServer } from "@tenant-discovery/simulator"
import { Effect, Fiber, Stream } from "effect"
import { hasNative } from "../redis/support.js"
import { agrees, isLive } from "../wire/support.js"
import { kind, makeStage, play, type Stage, toldOfLoss, trouble } from "./support.js"

interface Fault {
  readonly name: string
  /** Where only a native server does it. */
  readonly native?: boolean
  readonly redis?: RedisServer.RedisServerOptions
  readonly user?: { readonly name: string; readonly password: string }
  readonly strike: (stage: Stage) => Effect.Effect<unknown, unknown>
  readonly mend: (stage: Stage) => Effect.Effect<unknown, unknown>
  /** What the status says is the matter. */
  readonly reason: RegExp
}

const MESSAGE = "x".repeat(64 * 1024)

const faults: ReadonlyArray<Fault> = [
  {
    name: "the server killed and started again",
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
    name: "the process stopped, and continued",
    strike: ({ redis }) => redis.stop,
    mend: ({ redis }) => redis.continue,
    reason: /^HeartbeatTimedOut/
  },
  {
    name: "the link cut",
    strike: ({ proxy }) => proxy.cut,
    mend: ({ proxy }) => proxy.resume,
    reason: /^ConnectionLost/
  },
  {
    name: "the link dead without a word",
    strike: ({ proxy }) => proxy.blackhole(),
    // The connections of before stay dead: what they were sent is gone.
    mend: ({ proxy }) => proxy.resume,
    reason: /^HeartbeatTimedOut/
  },
  {
    name: "the output buffer overrun",
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
    // It hangs up, and of a link that is held no end is read either.
    reason: /^(?:HeartbeatTimedOut|ConnectionLost)/
  },
  {
    name: "the channel taken from the user's ACL, and granted again",
    native: true,
    redis: {
      setup: [["ACL", "SETUSER", "worker", "on", ">pw", "~*", "&tenant-events:*", "+@all"]]
    },
    user: { name: "worker", password: "pw" },
    strike: ({ redis }) => redis.command("ACL", "SETUSER", "worker", "resetchannels"),
    mend: ({ redis }) => redis.command("ACL", "SETUSER", "worker", "&tenant-events:*"),
    reason: /^SubscribeFailed.*NOPERM/
  }
]

const kindFor = (fault: Fault) => (fault.native === true ? "native" : kind)

describe("every gap is closed", () => {
  for (const fault of faults.filter(({ native }) => native !== true || hasNative)) {
    it.scopedLive(fault.name, () =>
      Effect.gen(function* () {
        const stage = yield* makeStage({
          redis: { ...fault.redis, kind: kindFor(fault) },
          // A server that is stopped is not waited for.
          publishTimeoutMillis: 500
        })
        const { simulator } = stage
        const { discovery, statuses, told, verdict } = yield* play(
          stage,
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
          Stream.takeUntil((status) => fault.reason.test(trouble(status))),
          Stream.runDrain,
          Effect.fork
        )
        yield* Effect.yieldNow()
        yield* fault.strike(stage)
        yield* simulator.create({ id: "added-meanwhile" })
        yield* simulator.suspend(present ?? "")
        yield* Fiber.join(failing)
        yield* fault.mend(stage)

        yield* agrees(simulator, discovery)
        yield* isLive(discovery)
        // And events arrive as before.
        const lists = yield* simulator.listCalls
        yield* simulator.create({ id: "added-afterwards" })
        yield* agrees(simulator, discovery)
        expect(yield* simulator.listCalls).toBe(lists)

        yield* verdict
        expect(told.slice(-3).toSorted()).toEqual(
          [`Removed ${present}`, "Added added-afterwards", "Added added-meanwhile"].toSorted()
        )
        toldOfLoss(statuses, fault.reason)
      })
    )
  }
})

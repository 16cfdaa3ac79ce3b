/**
 * Every way of losing the subscription, on real servers: what changed meanwhile is
 * in the view once Redis can be reached again, told as transitions, and the status
 * said so all along (laws 4, 9 and 13).
 */
import { describe, expect, it } from "@effect/vitest"
import type { RedisServer } from "@tenant-discovery/simulator"
import { Chunk, Effect, Fiber, Stream } from "effect"
import { hasNative } from "../redis/support.js"
import {
  agrees,
  fold,
  isLive,
  isNotLive,
  listen,
  makeWorld,
  startProgram,
  type World
} from "./support.js"

interface Fault {
  readonly name: string
  /** Where only a native server does it. */
  readonly native?: boolean
  readonly redis?: RedisServer.RedisServerOptions
  readonly user?: { readonly name: string; readonly password: string }
  readonly strike: (world: World) => Effect.Effect<unknown, unknown>
  readonly mend: (world: World) => Effect.Effect<unknown, unknown>
}

const MESSAGE = "x".repeat(64 * 1024)

const faults: ReadonlyArray<Fault> = [
  {
    name: "the server killed and started again",
    strike: ({ redis }) => redis.kill,
    mend: ({ redis }) => redis.start
  },
  {
    name: "CLIENT KILL",
    strike: ({ redis }) => redis.command("CLIENT", "KILL", "TYPE", "pubsub"),
    mend: () => Effect.void
  },
  {
    name: "the process stopped, and continued",
    strike: ({ redis }) => redis.stop,
    mend: ({ redis }) => redis.continue
  },
  {
    name: "the link cut",
    strike: ({ proxy }) => proxy.cut,
    mend: ({ proxy }) => proxy.resume
  },
  {
    name: "the link dead without a word",
    strike: ({ proxy }) => proxy.blackhole(),
    // The connections of before stay dead: what they were sent is gone.
    mend: ({ proxy }) => proxy.resume
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
    mend: ({ proxy }) => proxy.resume
  },
  {
    name: "the channel taken from the user's ACL, and granted again",
    native: true,
    redis: {
      setup: [["ACL", "SETUSER", "worker", "on", ">pw", "~*", "&tenant-events:*", "+@all"]]
    },
    user: { name: "worker", password: "pw" },
    strike: ({ redis }) => redis.command("ACL", "SETUSER", "worker", "resetchannels"),
    mend: ({ redis }) => redis.command("ACL", "SETUSER", "worker", "&tenant-events:*")
  }
]

const kindFor = (fault: Fault) => (fault.native === true || hasNative ? "native" : "embedded")

describe("every gap is closed", () => {
  for (const fault of faults.filter(({ native }) => native !== true || hasNative)) {
    it.scopedLive(fault.name, () =>
      Effect.gen(function* () {
        const world = yield* makeWorld({ redis: { ...fault.redis, kind: kindFor(fault) } })
        const { simulator } = world
        const variables =
          fault.user === undefined
            ? world.variables
            : {
                ...world.variables,
                MULTI_TENANT_REDIS_USERNAME: fault.user.name,
                MULTI_TENANT_REDIS_PASSWORD: fault.user.password
              }
        const { close, discovery } = yield* startProgram(variables)
        yield* isLive(discovery)
        yield* agrees(simulator, discovery)
        const reader = yield* listen(discovery)
        const modes = yield* discovery.status.changes.pipe(
          Stream.map(({ mode }) => mode),
          Stream.changes,
          Stream.runCollect,
          Effect.fork
        )
        const [present] = yield* simulator.activeTenantIds()

        const failing = yield* Effect.fork(isNotLive(discovery))
        yield* Effect.yieldNow()
        yield* fault.strike(world)
        yield* simulator.create({ id: "added-meanwhile" })
        yield* simulator.suspend(present ?? "")
        yield* Fiber.join(failing)
        yield* fault.mend(world)

        yield* agrees(simulator, discovery)
        yield* isLive(discovery)
        // And events arrive as before.
        const lists = yield* simulator.listCalls
        yield* simulator.create({ id: "added-afterwards" })
        yield* agrees(simulator, discovery)
        expect(yield* simulator.listCalls).toBe(lists)

        const ids = yield* discovery.activeTenantIds
        yield* close
        const changes = yield* reader.done
        expect(fold(reader.before, changes)?.toSorted()).toEqual([...ids].toSorted())
        const told = changes.map(({ _tag, tenant }) => `${_tag} ${tenant.id}`)
        expect(told).toContain("Added added-meanwhile")
        expect(told).toContain(`Removed ${present}`)
        expect(Chunk.toReadonlyArray(yield* Fiber.join(modes))).toContain("BootstrapOnly")
      })
    )
  }
})

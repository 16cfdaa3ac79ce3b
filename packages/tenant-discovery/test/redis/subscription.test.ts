import { describe, expect, it } from "@effect/vitest"
import { FaultProxy, RedisServer } from "@tenant-discovery/simulator"
import { Effect } from "effect"
import { channelFor } from "tenant-discovery/RedisTenantEvents"
import { channelName, connection, hasNative, matrix, subscribed, versions } from "./support.js"

describe("channelFor", () => {
  it("is exact with an environment, and a pattern without", () => {
    expect(channelFor("production")).toEqual({
      _tag: "Exact",
      channel: "tenant-events:production:"
    })
    for (const none of [undefined, "", "  "]) {
      expect(channelFor(none)).toEqual({ _tag: "Pattern", pattern: "tenant-events:*" })
    }
  })
})

describe.each(matrix)("a subscription on a $kind server with $version", ({ kind, version }) => {
  it.scopedLive("is told, then its messages in order, and of no other channel", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ kind })
      const recorder = yield* subscribed(connection(version, server))
      yield* recorder.seen("Subscribed")
      yield* server.command("PUBLISH", "tenant-events:other:", "not for us")
      for (const n of [1, 2, 3]) yield* server.command("PUBLISH", channelName, `message ${n}`)
      yield* recorder.seen("Messages", 3)
      expect(recorder.messages).toEqual(["message 1", "message 2", "message 3"])
      expect(recorder.tags[0]).toBe("Subscribed")
    })
  )

  it.scopedLive("by pattern hears every channel of it", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ kind })
      const recorder = yield* subscribed(connection(version, server), {
        channel: channelFor(undefined)
      })
      yield* recorder.seen("Subscribed")
      yield* server.command("PUBLISH", "tenant-events:t-1", "one")
      yield* server.command("PUBLISH", "tenant-events:prod:", "two")
      yield* server.command("PUBLISH", "else:prod:", "three")
      yield* recorder.seen("Messages", 2)
      expect(recorder.messages).toEqual(["one", "two"])
    })
  )

  it.scopedLive("answers heartbeats with when they were sent", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ kind })
      const recorder = yield* subscribed(connection(version, server))
      yield* recorder.seen("Alive", 3)
      const sent = recorder.signals.flatMap((s) => (s._tag === "Alive" ? [s.sentAt] : []))
      expect(sent).toEqual([...sent].sort((a, b) => (a < b ? -1 : 1)))
      expect(recorder.tags).toEqual(["Subscribed"])
    })
  )

  it.scopedLive("waits for a server that is down at the start", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ kind })
      yield* server.kill
      const recorder = yield* subscribed(connection(version, server))
      yield* recorder.seen("Lost")
      expect(recorder.causes[0]?._tag).toBe("ConnectFailed")
      expect(recorder.causes[0]?.message).toContain("ECONNREFUSED")
      yield* server.start
      yield* recorder.seen("Subscribed")
      // However many attempts it took, one loss was told.
      expect(recorder.tags).toEqual(["Lost", "Subscribed"])
    })
  )

  it.scopedLive("comes back after the server was killed and started again", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ kind })
      const recorder = yield* subscribed(connection(version, server))
      yield* recorder.seen("Subscribed")
      yield* server.kill
      // That it is gone, and then what keeps it from coming back: once, however often it tries.
      yield* recorder.seen("Lost", 2)
      yield* server.start
      yield* recorder.seen("Subscribed", 2)
      yield* server.command("PUBLISH", channelName, "again")
      yield* recorder.seen("Messages")
      expect(recorder.tags).toEqual(["Subscribed", "Lost", "Subscribed", "Messages"])
      expect(recorder.causes.map(({ _tag }) => _tag)).toEqual(["ConnectionLost", "ConnectFailed"])
    })
  )

  it.scopedLive("comes back after CLIENT KILL", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ kind })
      const recorder = yield* subscribed(connection(version, server))
      for (const n of [1, 2, 3]) {
        yield* recorder.seen("Subscribed", n)
        yield* server.command("CLIENT", "KILL", "TYPE", "pubsub")
        yield* recorder.seen("Lost", n)
      }
      yield* recorder.seen("Subscribed", 4)
      expect(recorder.causes.map((cause) => cause._tag)).toEqual(
        Array.from({ length: 3 }, () => "ConnectionLost")
      )
    })
  )

  it.scopedLive("finds a server that hangs by the heartbeat, and comes back", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ kind })
      const recorder = yield* subscribed(connection(version, server))
      yield* recorder.seen("Subscribed")
      yield* server.stop
      yield* recorder.seen("Lost")
      expect(recorder.causes[0]?._tag).toBe("HeartbeatTimedOut")
      yield* server.continue
      yield* recorder.seen("Subscribed", 2)
      expect(recorder.tags).toEqual(["Subscribed", "Lost", "Subscribed"])
    })
  )

  it.scopedLive("gives up a connection that is accepted and never answered", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ kind })
      yield* server.stop
      const recorder = yield* subscribed(connection(version, server), {
        connectTimeout: "300 millis"
      })
      yield* recorder.seen("Lost")
      expect(recorder.causes[0]?._tag).toBe("ConnectFailed")
      expect(recorder.causes[0]?.message).toContain("within 300ms")
      yield* server.continue
      yield* recorder.seen("Subscribed")
    })
  )

  it.scopedLive("finds a link that loses everything, and one that is reset", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ kind })
      const proxy = yield* FaultProxy.make(server)
      const recorder = yield* subscribed(connection(version, proxy))
      yield* recorder.seen("Subscribed")
      yield* proxy.blackhole()
      yield* recorder.seen("Lost")
      expect(recorder.causes[0]?._tag).toBe("HeartbeatTimedOut")
      yield* proxy.resume
      yield* recorder.seen("Subscribed", 2)
      yield* proxy.reset
      yield* recorder.seen("Subscribed", 3)
      expect(recorder.causes.at(-1)?._tag).toBe("ConnectionLost")
    })
  )
})

describe.runIf(hasNative)("a subscriber that is disconnected for reading too slowly", () => {
  it.scopedLive.each(versions)("is a loss, and subscribes again, with %s", (version) =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ kind: "native" })
      yield* server.command("CONFIG", "SET", "client-output-buffer-limit", "pubsub 65536 0 0")
      const proxy = yield* FaultProxy.make(server)
      const recorder = yield* subscribed(connection(version, proxy), {
        heartbeatTimeout: "10 seconds"
      })
      yield* recorder.seen("Subscribed")
      yield* proxy.hold("toClient")
      const big = "x".repeat(1_000_000)
      yield* server.command("PUBLISH", channelName, big).pipe(Effect.repeatN(30))
      yield* proxy.resume
      yield* recorder.seen("Subscribed", 2)
      expect(recorder.causes[0]?._tag).toBe("ConnectionLost")
      expect(recorder.count("Messages")).toBeLessThan(31)
    })
  )
})

import { describe, expect } from "@effect/vitest"
import { FaultProxy, RedisServer } from "@tenant-discovery/simulator"
import { Effect } from "effect"
import { channelName, connection, hasNative, subscribed, versions } from "./support.js"
import { liveEach } from "../support/live.js"

describe.runIf(hasNative)("on a native server", () => {
  liveEach(versions)(
    "a replica that lost its master is lost until it has one, with %s",
    function* (version) {
      const server = yield* RedisServer.make({
        kind: "native",
        nativeConfig: ["replica-serve-stale-data no"]
      })
      const recorder = yield* subscribed(connection(version, server))
      yield* recorder.seen("Alive")
      yield* server.command("REPLICAOF", "127.0.0.1", 1)
      yield* recorder.lostWith(/cannot connect.*MASTERDOWN/)
      expect(recorder.causes.map(({ _tag }) => _tag)).toEqual(["ConnectionLost", "ConnectFailed"])
      expect(recorder.causes[0]?.message).toContain("MASTERDOWN")
      yield* server.command("REPLICAOF", "NO", "ONE")
      yield* recorder.seen("Subscribed", 2)
      expect(recorder.tags).toEqual(["Subscribed", "Lost", "Subscribed"])
    }
  )

  liveEach(versions)(
    "a subscriber that is disconnected for reading too slowly resubscribes, with %s",
    function* (version) {
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
    }
  )
})

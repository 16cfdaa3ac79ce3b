import { describe, expect, it } from "@effect/vitest"
import { FaultProxy, RedisServer } from "@tenant-discovery/simulator"
import { Effect } from "effect"
import type * as net from "node:net"
import { channelFor } from "tenant-discovery/RedisTenantEvents"
import {
  channelName,
  connection,
  fakeServer,
  kind,
  matrix,
  started,
  subscribed,
  versions
} from "./support.js"
import type { LostCause } from "../../src/TenantEvents.js"
import { live, liveEach } from "../support/live.js"

describe("channelFor", () => {
  it("names the environment's channel, or the pattern of all", () => {
    for (const environment of ["production", "Production", " PRODUCTION "]) {
      expect(channelFor(environment)).toEqual({
        _tag: "Exact",
        channel: "tenant-events:production:"
      })
    }
    expect(channelFor(undefined)).toEqual({ _tag: "Pattern", pattern: "tenant-events:*" })
  })

  it.each(["", "  ", '"production"', "prod uction"])("refuses the environment %j", (name) => {
    expect(() => channelFor(name)).toThrow(
      /^RedisTenantEvents\.channelFor: option "environment": expected a non-empty name/
    )
  })
})

describe.each(matrix)("a subscription on a $kind server with $version", (target) => {
  const { kind, version } = target

  live("delivers its channel's messages in order, and no others", function* () {
    const { recorder, server } = yield* started(target)
    yield* server.command("PUBLISH", "tenant-events:other:", "not for us")
    const sent = ["", "é\u2028\u{1f600}", "\r\n", "x".repeat(200_000), "last"]
    for (const message of sent) yield* server.command("PUBLISH", channelName, message)
    yield* recorder.seen("Messages", sent.length)
    expect(recorder.messages).toEqual(sent)
    expect(recorder.tags[0]).toBe("Subscribed")
  })

  live("by pattern delivers the messages of every matching channel", function* () {
    const { recorder, server } = yield* started(target, { channel: channelFor(undefined) })
    yield* server.command("PUBLISH", "tenant-events:t-1", "one")
    yield* server.command("PUBLISH", "tenant-events:prod:", "two")
    yield* server.command("PUBLISH", "else:prod:", "three")
    yield* recorder.seen("Messages", 2)
    expect(recorder.messages).toEqual(["one", "two"])
  })

  live("reports each answered heartbeat with the time when it was sent", function* () {
    const { recorder } = yield* started(target)
    yield* recorder.seen("Alive", 3)
    const sent = recorder.signals.flatMap((s) => (s._tag === "Alive" ? [s.sentAt] : []))
    expect(sent).toEqual([...sent].sort((a, b) => (a < b ? -1 : 1)))
    expect(recorder.tags).toEqual(["Subscribed"])
  })

  live("reports one loss for a server that is down at the start, then subscribes", function* () {
    const server = yield* RedisServer.make({ kind })
    yield* server.kill
    const recorder = yield* subscribed(connection(version, server))
    expect(yield* recorder.firstCause).toEqual({
      _tag: "ConnectFailed",
      message: expect.stringContaining("ECONNREFUSED")
    })
    yield* server.start
    yield* recorder.seen("Subscribed")
    expect(recorder.tags).toEqual(["Lost", "Subscribed"])
  })

  interface Servers {
    readonly server: RedisServer.RedisServer
    readonly proxy: FaultProxy.FaultProxy
  }
  type Step = (servers: Servers) => Effect.Effect<unknown, unknown>
  const nothing: Step = () => Effect.void

  liveEach<readonly [fault: string, LostCause["_tag"], inject: Step, repair: Step]>([
    ["a restart", "ConnectionLost", ({ server }) => server.kill, ({ server }) => server.start],
    [
      "a CLIENT KILL",
      "ConnectionLost",
      ({ server }) => server.command("CLIENT", "KILL", "TYPE", "pubsub"),
      nothing
    ],
    ["a hang", "HeartbeatTimedOut", ({ server }) => server.stop, ({ server }) => server.continue],
    [
      "a link that drops everything",
      "HeartbeatTimedOut",
      ({ proxy }) => proxy.blackhole(),
      ({ proxy }) => proxy.resume
    ],
    ["a reset", "ConnectionLost", ({ proxy }) => proxy.reset, nothing]
  ])("resubscribes after %s", function* ([, tag, inject, repair]) {
    const server = yield* RedisServer.make({ kind })
    const proxy = yield* FaultProxy.make(server)
    const recorder = yield* subscribed(connection(version, proxy))
    yield* recorder.seen("Subscribed")
    yield* inject({ server, proxy })
    expect((yield* recorder.firstCause)?._tag).toBe(tag)
    yield* repair({ server, proxy })
    yield* recorder.seen("Subscribed", 2)
    yield* server.command("PUBLISH", channelName, "again")
    yield* recorder.seen("Messages")
    expect(recorder.tags).toEqual(["Subscribed", "Lost", "Subscribed", "Messages"])
  })

  live("abandons a connection that is accepted and never answered", function* () {
    const server = yield* RedisServer.make({ kind })
    yield* server.stop
    const recorder = yield* subscribed(connection(version, server), {
      connectTimeout: "300 millis"
    })
    expect(yield* recorder.firstCause).toEqual({
      _tag: "ConnectFailed",
      message: expect.stringContaining("within 300ms")
    })
    yield* server.continue
    yield* recorder.seen("Subscribed")
  })
})

describe.each(versions)("a heartbeat with %s", (version) => {
  live("does not time out because the program blocked the event loop", function* () {
    const subscribers = new Set<net.Socket>()
    // Answers a heartbeat at once, then keeps the event loop busy past the time limit.
    const server = yield* fakeServer((socket, data) => {
      for (const [, , name = ""] of data.toString().matchAll(/\*(\d+)\r\n\$\d+\r\n(\w+)/g)) {
        const command = name.toLowerCase()
        if (command === "subscribe") {
          subscribers.add(socket)
          const text = `$9\r\nsubscribe\r\n$${channelName.length}\r\n${channelName}`
          socket.write(`*3\r\n${text}\r\n:1\r\n`)
        } else if (command === "ping" && subscribers.has(socket)) {
          socket.write("*2\r\n$4\r\npong\r\n$0\r\n\r\n")
          const until = Date.now() + 300
          while (Date.now() < until);
        } else {
          socket.write(
            { ping: "+PONG\r\n", client: "+OK\r\n" }[command] ?? "-ERR unknown command HELLO\r\n"
          )
        }
      }
    })
    const recorder = yield* subscribed(connection(version, server), {
      heartbeatTimeout: "100 millis"
    })
    yield* recorder.seen("Alive", 5)
    expect(recorder.tags).toEqual(["Subscribed"])
  })

  live("that is refused for lack of permission counts as answered", function* () {
    const commands = ["-@all", "+subscribe", "+hello", "+auth"]
    const server = yield* RedisServer.make({
      kind,
      setup: [["ACL", "SETUSER", "default", "resetchannels", `&${channelName}`, ...commands]]
    })
    const recorder = yield* subscribed(connection(version, server))
    yield* recorder.seen("Alive", 3)
    expect(recorder.tags).toEqual(["Subscribed"])
  })

  live("that a loading server refuses prevents the subscription", function* () {
    const loading = "-LOADING Redis is loading the dataset in memory\r\n"
    const server = yield* fakeServer((socket, data) => {
      for (const _ of data.toString("latin1").matchAll(/\*\d+\r\n/g)) socket.write(loading)
    })
    const recorder = yield* subscribed(connection(version, server))
    yield* recorder.lostWith(/LOADING/)
    expect(recorder.causes[0]?._tag).toBe("ConnectFailed")
    expect(recorder.tags).toEqual(["Lost"])
  })
})

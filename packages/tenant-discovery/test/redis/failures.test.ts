import { describe, expect, it } from "@effect/vitest"
import { RedisServer, TestCertificates } from "@tenant-discovery/simulator"
import { Effect, Redacted, type Scope } from "effect"
import { Redis as Redis6 } from "ioredis6"
import * as net from "node:net"
import type { RedisConnection } from "tenant-discovery/RedisTenantEvents"
import {
  channelName,
  connection,
  hasNative,
  kinds,
  matrix,
  subscribed,
  versions
} from "./support.js"

const SECRET = "correct-horse-battery"
const WRONG = "wrong-horse-battery"

describe.each(matrix)("credentials on a $kind server with $version", ({ kind, version }) => {
  it.scopedLive("a wrong password is told without it, and works once it is mended", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ kind, password: SECRET })
      const recorder = yield* subscribed(
        connection(version, {
          host: server.host,
          port: server.port,
          password: Redacted.make(WRONG)
        })
      )
      yield* recorder.seen("Lost")
      expect(recorder.causes[0]?._tag).toBe("ConnectFailed")
      expect(recorder.causes[0]?.message).toMatch(/WRONGPASS.*MULTI_TENANT_REDIS_PASSWORD/)
      expect(JSON.stringify(recorder.causes)).not.toContain(WRONG)
      yield* server.command("CONFIG", "SET", "requirepass", WRONG)
      yield* recorder.seen("Subscribed")
      expect(recorder.tags).toEqual(["Lost", "Subscribed"])
    })
  )

  it.scopedLive("a missing password is told as such", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ kind, password: SECRET })
      const recorder = yield* subscribed(
        connection(version, { host: server.host, port: server.port })
      )
      yield* recorder.seen("Lost")
      expect(recorder.causes[0]?._tag).toBe("ConnectFailed")
      expect(recorder.causes[0]?.message).toMatch(/NOAUTH.*wants a password/)
    })
  )

  it.scopedLive("a user without the channel is refused, and heard once it is granted", () =>
    Effect.gen(function* () {
      const acl = ["ACL", "SETUSER", "worker", "on", `>${SECRET}`, "resetchannels", "-@all"]
      const server = yield* RedisServer.make({
        kind,
        setup: [[...acl, "+subscribe", "+psubscribe", "+ping", "+hello", "+auth"]]
      })
      const recorder = yield* subscribed(
        connection(version, {
          host: server.host,
          port: server.port,
          username: "worker",
          password: Redacted.make(SECRET)
        })
      )
      yield* recorder.seen("Lost")
      expect(recorder.causes[0]?._tag).toBe("SubscribeFailed")
      expect(recorder.causes[0]?.message).toContain("NOPERM")
      expect(recorder.causes[0]?.message).toContain(channelName)
      yield* server.command("ACL", "SETUSER", "worker", `&${channelName}`)
      yield* recorder.seen("Subscribed")
      // Taking the permission back cuts the connection, and why it stays so is told as well.
      yield* server.command("ACL", "SETUSER", "worker", "resetchannels")
      yield* recorder.seen("Lost", 3)
      yield* server.command("ACL", "SETUSER", "worker", `&${channelName}`)
      yield* recorder.seen("Subscribed", 2)
      expect(recorder.tags).toEqual(["Lost", "Subscribed", "Lost", "Subscribed"])
      expect(recorder.causes.map(({ _tag }) => _tag)).toEqual([
        "SubscribeFailed",
        "ConnectionLost",
        "SubscribeFailed"
      ])
      expect(JSON.stringify(recorder.causes)).not.toContain(SECRET)
    })
  )
})

describe.each(kinds)("TLS on a %s server", (kind) => {
  const over = (
    server: RedisServer.RedisServer,
    tls: Exclude<RedisConnection["tls"], undefined>,
    host = "localhost"
  ): RedisConnection => ({ host, port: server.tls?.port ?? 0, tls })

  it.scopedLive("subscribes when the CA is the right one", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ kind, tls: true })
      const recorder = yield* subscribed(over(server, { ca: TestCertificates.ca }))
      yield* recorder.seen("Alive")
      yield* server.command("PUBLISH", channelName, "over TLS")
      yield* recorder.seen("Messages")
      expect(recorder.messages).toEqual(["over TLS"])
    })
  )

  it.scopedLive.each([
    ["an unrelated CA", { ca: TestCertificates.unrelatedCa }],
    ["the roots of Node", {}]
  ] as const)("names the CA where only %s is trusted", ([, tls]) =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ kind, tls: true })
      const recorder = yield* subscribed(over(server, tls))
      yield* recorder.seen("Lost")
      expect(recorder.causes[0]?._tag).toBe("ConnectFailed")
      expect(recorder.causes[0]?.message).toContain("MULTI_TENANT_REDIS_CA_CERT")
    })
  )

  it.scopedLive("names the name where the certificate is for another", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ kind, tls: TestCertificates.wrongName })
      const recorder = yield* subscribed(over(server, { ca: TestCertificates.ca }))
      yield* recorder.seen("Lost")
      expect(recorder.causes[0]?._tag).toBe("ConnectFailed")
      expect(recorder.causes[0]?.message).toContain("certificate is for another name")
    })
  )

  it.scopedLive("says so when a plain client meets a TLS server", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ kind, tls: true })
      const recorder = yield* subscribed(over(server, false))
      yield* recorder.seen("Lost")
      expect(recorder.causes[0]?._tag).toBe("ConnectFailed")
      expect(recorder.causes[0]?.message).toContain("MULTI_TENANT_REDIS_TLS=true")
    })
  )

  it.scopedLive("says so when a TLS client meets a plain server", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ kind })
      const recorder = yield* subscribed(
        { host: server.host, port: server.port, tls: {} },
        { connectTimeout: "500 millis" }
      )
      yield* recorder.seen("Lost")
      expect(recorder.causes[0]?._tag).toBe("ConnectFailed")
      expect(recorder.causes[0]?.message).toContain("MULTI_TENANT_REDIS_TLS=false")
    })
  )
})

/** What a server says to whoever connects, or to what they say. */
const impostor = (
  onData: (socket: net.Socket) => void
): Effect.Effect<{ readonly host: string; readonly port: number }, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<net.Server>((resume) => {
      const sockets = new Set<net.Socket>()
      const server = net.createServer((socket) => {
        sockets.add(socket)
        socket.on("error", () => {})
        socket.on("close", () => sockets.delete(socket))
        socket.on("data", () => onData(socket))
      })
      server.on("close", () => {})
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  ).pipe(
    Effect.map((server) => {
      const address = server.address()
      return {
        host: "127.0.0.1",
        port: address !== null && typeof address === "object" ? address.port : 0
      }
    })
  )

describe.each(versions)("what is no Redis, with %s", (version) => {
  it.scopedLive.each([
    ["HTTP", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"],
    ["garbage", "\u0007\u0007 nonsense \u0000\r\n"],
    ["a TLS alert", "\u0015\u0003\u0001\u0000\u0002\u0002\u0046"]
  ] as const)("%s is a loss, and no crash", ([, answer]) =>
    Effect.gen(function* () {
      const place = yield* impostor((socket) => socket.write(answer))
      const recorder = yield* subscribed(connection(version, place), {
        connectTimeout: "400 millis"
      })
      yield* recorder.seen("Lost")
      expect(recorder.causes[0]?._tag).toBe("ConnectFailed")
      expect(recorder.tags).toEqual(["Lost"])
    })
  )

  it.scopedLive("a server that repeats AUTH's arguments has them taken out", () =>
    Effect.gen(function* () {
      const place = yield* impostor((socket) =>
        socket.end(
          `-ERR unknown command 'AUTH', with args beginning with: 'worker' '${SECRET}'\r\n`.repeat(
            4
          )
        )
      )
      const recorder = yield* subscribed(
        connection(version, { ...place, username: "worker", password: Redacted.make(SECRET) })
      )
      yield* recorder.seen("Lost")
      expect(recorder.causes[0]?.message).toContain("unknown command 'AUTH'")
      expect(JSON.stringify(recorder.causes)).not.toContain(SECRET)
    })
  )
})

describe("a factory", () => {
  it.scopedLive("that throws is a failed connection", () =>
    Effect.gen(function* () {
      const recorder = yield* subscribed(() => {
        throw new Error("no such sentinel")
      })
      yield* recorder.seen("Lost")
      expect(recorder.causes[0]).toEqual({
        _tag: "ConnectFailed",
        message: "cannot make a connection to Redis: no such sentinel"
      })
    })
  )

  it.scopedLive("may return a connection that is connected already, or about to be", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ kind: hasNative ? "native" : "embedded" })
      const options = { host: server.host, port: server.port, retryStrategy: () => null }
      const connecting = yield* subscribed(() => new Redis6(options))
      yield* connecting.seen("Alive")
      const ready = new Redis6(options)
      yield* Effect.promise(() => ready.ping())
      let calls = 0
      const connected = yield* subscribed(() => (calls++ === 0 ? ready : new Redis6(options)))
      yield* connected.seen("Alive")
      yield* server.command("CLIENT", "KILL", "TYPE", "pubsub")
      yield* connected.seen("Subscribed", 2)
      yield* connecting.seen("Subscribed", 2)
      expect(calls).toBe(2)
    })
  )

  it.scopedLive("whose connections retry by themselves gets one session each all the same", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ kind: hasNative ? "native" : "embedded" })
      const recorder = yield* subscribed(
        () => new Redis6({ host: server.host, port: server.port, retryStrategy: () => 1 })
      )
      yield* recorder.seen("Subscribed")
      yield* server.command("CLIENT", "KILL", "TYPE", "pubsub")
      yield* recorder.seen("Subscribed", 2)
      yield* server.command("PUBLISH", channelName, "once")
      yield* recorder.seen("Messages")
      yield* recorder.seen("Alive", recorder.count("Alive") + 2)
      expect(recorder.messages).toEqual(["once"])
    })
  )
})

describe("a sink that throws", () => {
  it.scopedLive("costs its subscription, which starts again", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ kind: hasNative ? "native" : "embedded" })
      let thrown = 0
      const recorder = yield* subscribed({ host: server.host, port: server.port }, {}, (raw) => {
        if (raw !== "bad") return
        thrown++
        throw new Error("the receiver's mistake")
      })
      yield* recorder.seen("Subscribed")
      yield* server.command("PUBLISH", channelName, "bad")
      yield* recorder.seen("Lost")
      yield* recorder.seen("Subscribed", 2)
      yield* server.command("PUBLISH", channelName, "good")
      yield* recorder.seen("Messages")
      expect(thrown).toBe(1)
      expect(recorder.messages).toEqual(["good"])
      expect(recorder.tags).toEqual(["Subscribed", "Lost", "Subscribed", "Messages"])
    })
  )
})

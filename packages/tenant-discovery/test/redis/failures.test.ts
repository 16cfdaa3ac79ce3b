import { describe, expect } from "@effect/vitest"
import { RedisServer, TestCertificates } from "@tenant-discovery/simulator"
import { Redacted } from "effect"
import type { RedisConnection } from "tenant-discovery/RedisTenantEvents"
import {
  channelName,
  connection,
  fakeServer,
  kind,
  kinds,
  matrix,
  subscribed,
  versions
} from "./support.js"
import { live, liveEach } from "../support/live.js"

const SECRET = "correct-horse-battery"
const WRONG = "wrong-horse-battery"

describe.each(matrix)("credentials on a $kind server with $version", ({ kind, version }) => {
  live(
    "reports a wrong password without showing it, and subscribes once it is right",
    function* () {
      const server = yield* RedisServer.make({ kind, password: SECRET })
      const password = Redacted.make(WRONG)
      const recorder = yield* subscribed(connection(version, { ...server, password }))
      expect(yield* recorder.firstCause).toEqual({
        _tag: "ConnectFailed",
        message: expect.stringMatching(/WRONGPASS.*redis\.password/)
      })
      expect(JSON.stringify(recorder.causes)).not.toContain(WRONG)
      yield* server.command("CONFIG", "SET", "requirepass", WRONG)
      yield* recorder.seen("Subscribed")
      expect(recorder.tags).toEqual(["Lost", "Subscribed"])
    }
  )

  live(
    "reports a user without permission for the channel, and subscribes once it is granted",
    function* () {
      const acl = ["ACL", "SETUSER", "worker", "on", `>${SECRET}`, "resetchannels", "-@all"]
      const server = yield* RedisServer.make({
        kind,
        setup: [[...acl, "+subscribe", "+psubscribe", "+ping", "+hello", "+auth"]]
      })
      const login = { username: "worker", password: Redacted.make(SECRET) }
      const recorder = yield* subscribed(connection(version, { ...server, ...login }))
      const cause = yield* recorder.firstCause
      expect(cause?._tag).toBe("SubscribeFailed")
      for (const text of ["NOPERM", channelName]) expect(cause?.message).toContain(text)
      yield* server.command("ACL", "SETUSER", "worker", `&${channelName}`)
      yield* recorder.seen("Subscribed")
      // Revoking the permission cuts the connection; then the refused SUBSCRIBE is reported.
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
    }
  )
})

describe.each(kinds)("TLS on a %s server", (kind) => {
  live("subscribes when the CA matches", function* () {
    const { tls } = yield* RedisServer.make({ kind, tls: true })
    const trusted = { ca: TestCertificates.ca }
    const recorder = yield* subscribed({ host: "localhost", port: tls?.port ?? 0, tls: trusted })
    yield* recorder.seen("Alive")
  })

  const { ca, unrelatedCa, wrongName } = TestCertificates
  liveEach<
    readonly [string, RedisServer.RedisServerOptions["tls"], RedisConnection["tls"], string, string]
  >([
    ["an unrelated CA", true, { ca: unrelatedCa }, "check redis.tls.ca", "REDIS_CA_CERT"],
    ["the roots of Node", true, {}, "check redis.tls.ca", "REDIS_CA_CERT"],
    ["another name", wrongName, { ca }, "altnames", "altnames"],
    ["a plain client", true, false, "set redis.tls", "MULTI_TENANT_REDIS_TLS=true"],
    ["a plain server", undefined, {}, "leave out redis.tls", "MULTI_TENANT_REDIS_TLS=false"]
  ])("names the repair for %s", function* ([, serverTls, tls, option, variable]) {
    const server = yield* RedisServer.make({ kind, ...(serverTls && { tls: serverTls }) })
    const redis = { host: "localhost", port: server.tls?.port ?? server.port, tls }
    for (const naming of ["options", "environment"] as const) {
      const recorder = yield* subscribed(redis, { naming, connectTimeout: "500 millis" })
      expect(yield* recorder.firstCause).toEqual({
        _tag: "ConnectFailed",
        message: expect.stringContaining(naming === "options" ? option : variable)
      })
    }
  })
})

describe("a missing password", () => {
  live("is reported by the names of the program's configuration", function* () {
    const server = yield* RedisServer.make({ kind, password: SECRET })
    const { host, port } = server
    const byOptions = yield* subscribed({ host, port })
    yield* byOptions.lostWith(/NOAUTH.*check redis\.username and redis\.password/)
    const recorder = yield* subscribed({ host, port }, { naming: "environment" })
    yield* recorder.lostWith(/check MULTI_TENANT_REDIS_USERNAME and MULTI_TENANT_REDIS_PASSWORD/)
  })
})

describe.each(versions)("a server that is not Redis, with %s", (version) => {
  liveEach([
    ["HTTP", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"],
    ["garbage", "\u0007\u0007 nonsense \u0000\r\n"],
    ["a TLS alert", "\u0015\u0003\u0001\u0000\u0002\u0002\u0046"]
  ] as const)("%s is a failed attempt", function* ([, answer]) {
    const server = yield* fakeServer((socket) => socket.write(answer))
    const recorder = yield* subscribed(connection(version, server), {
      connectTimeout: "400 millis"
    })
    expect((yield* recorder.firstCause)?._tag).toBe("ConnectFailed")
    expect(recorder.tags).toEqual(["Lost"])
  })

  live("removes the arguments of AUTH that a server repeats", function* () {
    const server = yield* fakeServer((socket) =>
      socket.end(
        `-ERR unknown command 'AUTH', with args beginning with: 'worker' '${SECRET}'\r\n`.repeat(4)
      )
    )
    const recorder = yield* subscribed(
      connection(version, { ...server, username: "worker", password: Redacted.make(SECRET) })
    )
    expect((yield* recorder.firstCause)?.message).toContain("unknown command 'AUTH'")
    expect(JSON.stringify(recorder.causes)).not.toContain(SECRET)
  })
})

describe("a sink that throws", () => {
  live("loses its subscription, which starts again", function* () {
    const server = yield* RedisServer.make({ kind })
    let thrown = 0
    const recorder = yield* subscribed({ host: server.host, port: server.port }, {}, (raw) => {
      if (raw !== "bad") return
      thrown++
      throw new Error("a defect of the receiver")
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
})

import { describe, expect, it } from "@effect/vitest"
import { RedisServer, TestCertificates } from "@tenant-discovery/simulator"
import { Deferred, Effect, Exit, Redacted, Scope } from "effect"
import { Redis, type RedisOptions } from "ioredis"
import { spawn } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import * as net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { eventually } from "../eventually.js"

const available = await Effect.runPromise(RedisServer.available)
const kinds = (["native", "embedded"] as const).filter((kind) => available.includes(kind))
if (!kinds.includes("native")) {
  console.warn("Left out: tests on a native server; redis-server and valkey-server are missing")
}

const alive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const refuses = (port: number) =>
  Effect.async<boolean>((resume) => {
    const socket = net.connect({ host: "127.0.0.1", port })
    socket.on("connect", () => {
      socket.destroy()
      resume(Effect.succeed(false))
    })
    socket.on("error", () => resume(Effect.succeed(true)))
  })

const client = (options: RedisOptions) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const redis = new Redis({
        host: "127.0.0.1",
        lazyConnect: true,
        retryStrategy: () => null,
        ...options
      })
      redis.on("error", () => {})
      return redis
    }),
    (redis) => Effect.sync(() => redis.disconnect())
  )

const connectError = (redis: Redis) =>
  Effect.async<string>((resume) => {
    redis.once("error", (error: NodeJS.ErrnoException) =>
      resume(Effect.succeed(error.code ?? error.message))
    )
    redis.connect().then(
      () => resume(Effect.succeed("connected")),
      () => {}
    )
  })

it("runs the embedded server on this machine", () => {
  expect(available).toContain("embedded")
})

describe.each(kinds)("%s server", (kind) => {
  it.scopedLive("answers commands and delivers a message to a subscriber", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ kind })
      expect(server.kind).toBe(kind)
      expect(server.url).toBe(`redis://127.0.0.1:${server.port}`)
      expect(yield* server.command("PING")).toBe("PONG")
      const redis = yield* client({ port: server.port })
      const got = yield* Deferred.make<string>()
      redis.on("message", (_, message) => Deferred.unsafeDone(got, Effect.succeed(message)))
      yield* Effect.promise(() => redis.subscribe("channel"))
      expect(yield* server.command("PUBLISH", "channel", "hello")).toBe(1)
      expect(yield* Deferred.await(got)).toBe("hello")
    })
  )

  it.scopedLive("refuses connections after a kill and restarts empty on the same port", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ kind })
      yield* server.command("SET", "key", "value")
      const before = yield* server.pid
      yield* server.kill
      expect(yield* server.pid).toBeUndefined()
      expect(yield* refuses(server.port)).toBe(true)
      const error = yield* Effect.flip(server.command("PING"))
      expect(error.reason).toBe("CommandFailed")
      expect(error.message).toContain("ECONNREFUSED")
      yield* server.start
      expect(yield* server.command("GET", "key")).toBeNull()
      const after = yield* server.pid
      expect(after).not.toBe(before)
      yield* server.start
      expect(yield* server.pid).toBe(after)
      yield* server.restart
      expect(yield* server.command("PING")).toBe("PONG")
      expect(yield* server.pid).not.toBe(after)
    })
  )

  it.scopedLive("keeps data and connections while stopped", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ kind, timeoutMillis: 5_000 })
      const redis = yield* client({ port: server.port })
      yield* Effect.promise(() => redis.set("key", "value"))
      yield* server.stop
      expect(yield* refuses(server.port)).toBe(false)
      const reply = yield* Effect.fork(Effect.promise(() => redis.get("key")))
      const meanwhile = yield* Effect.timeoutOption(server.command("PING"), "200 millis")
      expect(meanwhile._tag).toBe("None")
      yield* server.continue
      expect(yield* reply).toBe("value")
    })
  )

  it.live("leaves no process and no listener when a stopped server closes", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const server = yield* Scope.extend(RedisServer.make({ kind, tls: true }), scope)
      const pid = (yield* server.pid) ?? 0
      expect(alive(pid)).toBe(true)
      yield* server.stop
      yield* Scope.close(scope, Exit.void)
      expect(alive(pid)).toBe(false)
      expect(yield* refuses(server.port)).toBe(true)
      expect(yield* refuses(server.tls?.port ?? 0)).toBe(true)
    })
  )

  it.scopedLive("requires the password, also after a restart", () =>
    Effect.gen(function* () {
      const password = 'a "quoted" \\ secret'
      const server = yield* RedisServer.make({ kind, password: Redacted.make(password) })
      yield* server.restart
      expect(yield* server.command("PING")).toBe("PONG")
      const without = yield* client({ port: server.port })
      expect(yield* connectError(without)).toContain("NOAUTH")
      const wrong = yield* client({ port: server.port, password: "wrong" })
      expect(yield* connectError(wrong)).toContain("WRONGPASS")
      const right = yield* client({ port: server.port, password })
      expect(yield* Effect.promise(() => right.ping())).toBe("PONG")
    })
  )

  it.scopedLive("runs its setup after each start", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({
        kind,
        setup: [["ACL", "SETUSER", "listener", "on", ">pass", "resetchannels", "&a", "+@all"]]
      })
      yield* server.restart
      const redis = yield* client({ port: server.port, username: "listener", password: "pass" })
      yield* Effect.promise(() => redis.subscribe("a"))
      const refused = yield* Effect.flip(Effect.tryPromise(() => redis.subscribe("b")))
      expect(String(refused.error)).toContain("NOPERM")
    })
  )

  it.scopedLive("uses the selected certificate for TLS", () =>
    Effect.gen(function* () {
      const good = yield* RedisServer.make({ kind, tls: true })
      const port = good.tls?.port ?? 0
      const trusting = yield* client({ port, tls: { ca: TestCertificates.ca } })
      expect(yield* Effect.promise(() => trusting.ping())).toBe("PONG")
      const suspicious = yield* client({ port, tls: { ca: TestCertificates.unrelatedCa } })
      expect(yield* connectError(suspicious)).toMatch(/SELF_SIGNED|UNABLE_TO/)
      const wrong = yield* RedisServer.make({ kind, tls: TestCertificates.wrongName })
      const named = yield* client({
        port: wrong.tls?.port ?? 0,
        tls: { ca: TestCertificates.ca }
      })
      expect(yield* connectError(named)).toBe("ERR_TLS_CERT_ALTNAME_INVALID")
      const closed = Effect.async<void>((resume) => {
        trusting.once("close", () => resume(Effect.void))
      })
      yield* Effect.zip(closed, good.kill, { concurrent: true })
    })
  )

  it.scopedLive("reports why it cannot start", () =>
    Effect.gen(function* () {
      const first = yield* RedisServer.make({ kind })
      const error = yield* Effect.flip(RedisServer.make({ kind, port: first.port }))
      expect(error.reason).toBe("StartFailed")
      expect(error.message).toMatch(/EADDRINUSE|already in use/)
      expect(yield* first.command("PING")).toBe("PONG")
    })
  )

  it.scopedLive("dies with a killed parent, also while stopped", () =>
    Effect.gen(function* () {
      const parent = spawn(
        process.execPath,
        [
          "--import",
          "tsx",
          "--conditions=tenant-discovery-source",
          fileURLToPath(new URL("../fixtures/parent.ts", import.meta.url)),
          kind
        ],
        { stdio: ["ignore", "pipe", "inherit"] }
      )
      yield* Effect.addFinalizer(() => Effect.sync(() => parent.kill("SIGKILL")))
      const line = yield* Effect.async<string>((resume) => {
        parent.stdout.once("data", (chunk: Buffer) => resume(Effect.succeed(chunk.toString())))
      })
      const pid = Number(line)
      expect(alive(pid)).toBe(true)
      parent.kill("SIGKILL")
      yield* eventually(
        `process ${pid} has exited`,
        Effect.sync(() => !alive(pid))
      )
    })
  )

  it.scopedLive("uses a server by URL and does not stop it", () =>
    Effect.gen(function* () {
      const first = yield* RedisServer.make({ kind, password: "p@ss" })
      const server = yield* RedisServer.make({ url: `redis://:p%40ss@127.0.0.1:${first.port}` })
      expect(server.kind).toBe("external")
      expect(server.url).toBe(first.url)
      expect(JSON.stringify(server)).not.toContain("p@ss")
      expect(yield* server.command("PING")).toBe("PONG")
      for (const operation of [server.kill, server.stop, server.restart]) {
        expect((yield* Effect.flip(operation)).reason).toBe("Unsupported")
      }
    })
  )
})

it.scopedLive("registers no listener per server", () =>
  Effect.gen(function* () {
    const before = process.listenerCount("exit")
    yield* Effect.all([
      RedisServer.make({ kind: "embedded" }),
      RedisServer.make({ kind: "embedded" })
    ])
    expect(process.listenerCount("exit")).toBe(before)
  })
)

it.scopedLive("names the command and the reason where a server cannot run", () =>
  Effect.gen(function* () {
    const directory = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "no-server-"))),
      (path) => Effect.promise(() => rm(path, { recursive: true }))
    )
    // Not executable.
    yield* Effect.promise(() => writeFile(join(directory, "redis-server"), "", { mode: 0o600 }))
    const { PATH, SIMULATOR_REDIS } = process.env
    yield* Effect.acquireRelease(
      Effect.sync(() => Object.assign(process.env, { PATH: directory, SIMULATOR_REDIS: "" })),
      () =>
        Effect.sync(() =>
          Object.assign(process.env, { PATH, SIMULATOR_REDIS: SIMULATOR_REDIS ?? "" })
        )
    )
    const error = yield* RedisServer.make({ kind: "native" }).pipe(
      Effect.flip,
      Effect.timeout("1 second")
    )
    expect(error.message).toMatch(/cannot run \S+\/redis-server: .*EACCES/)
  })
)

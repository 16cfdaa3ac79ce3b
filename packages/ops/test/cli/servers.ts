/** Real servers for broken set-ups. Each ends with its scope. */
import { RedisServer, type TestCertificates } from "@tenant-discovery/simulator"
import { Effect, Schedule, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as http from "node:http"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import * as tls from "node:tls"

/** Listens on a free loopback port. */
const listening = (server: net.Server): Effect.Effect<number, never, Scope.Scope> =>
  Effect.suspend(() => {
    const sockets = new Set<net.Socket>()
    server.on("connection", (socket: net.Socket) => {
      sockets.add(socket)
      socket.on("error", () => {}).on("close", () => sockets.delete(socket))
    })
    return Effect.acquireRelease(
      Effect.async<number>((resume) => {
        server.listen(0, "127.0.0.1", () => {
          const address = server.address()
          resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
        })
      }),
      () =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          for (const socket of sockets) socket.destroy()
        })
    )
  })

/** A port on which nothing listens. */
export const closedPort: Effect.Effect<number> = Effect.scoped(
  Effect.suspend(() => listening(net.createServer()))
)

/** Waits until `condition` holds, for at most 10 s. */
export const eventually = (condition: Effect.Effect<boolean>): Effect.Effect<void> =>
  condition.pipe(
    Effect.repeat({ until: (holds) => holds, schedule: Schedule.spaced("10 millis") }),
    Effect.timeout("10 seconds"),
    Effect.orDie,
    Effect.asVoid
  )

const join = (one: net.Socket, other: net.Socket): void => {
  for (const [from, to] of [
    [one, other],
    [other, one]
  ] as const) {
    from.on("error", () => to.destroy()).on("close", () => to.destroy())
    from.pipe(to)
  }
}

/** Terminates TLS in front of a plain server. */
export const tlsInFrontOf = (port: number, pair: TestCertificates.KeyPair) =>
  Effect.suspend(() =>
    listening(
      tls
        .createServer(pair, (client) => join(client, net.connect(port, "127.0.0.1")))
        .on("tlsClientError", () => {})
    )
  )

/** A proxy that connects every CONNECT to `port`, and needs this login where one is given. */
export const proxyTo = (port: number, login?: string) =>
  Effect.suspend(() =>
    listening(
      http.createServer().on("connect", ({ headers }, client: net.Socket) => {
        const expected = login && `Basic ${Buffer.from(login).toString("base64")}`
        if (headers["proxy-authorization"] !== expected) {
          client.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
          return
        }
        client.write("HTTP/1.1 200 Connection Established\r\n\r\n")
        join(client, net.connect(port, "127.0.0.1"))
      })
    )
  )

/** A tenant manager whose clock is wrong by this much. */
export const managerWithClock = (offsetMillis: number) =>
  Effect.suspend(() =>
    listening(
      http.createServer((_, response) => {
        response.setHeader("date", new Date(Date.now() + offsetMillis).toUTCString())
        response.setHeader("content-type", "application/json")
        response.end(JSON.stringify([{ id: "acme" }]))
      })
    )
  )

/**
 * A port whose queue of connections is full and not read: further ones get no answer, as behind
 * a firewall that drops them.
 */
export const silentPort = Effect.gen(function* () {
  const server = yield* RedisServer.make({ kind: "native", nativeConfig: ["tcp-backlog 1"] })
  yield* server.stop
  const connectNow = Effect.acquireRelease(
    Effect.sync(() => net.connect(server.port, "127.0.0.1").on("error", () => {})),
    (socket) => Effect.sync(() => socket.destroy())
  )
  const isConnected = (socket: net.Socket) =>
    Effect.async<boolean>((resume) => {
      socket.once("connect", () => resume(Effect.succeed(true)))
    }).pipe(
      Effect.timeoutTo({ duration: "300 millis", onSuccess: () => true, onTimeout: () => false })
    )
  yield* Effect.repeat(Effect.flatMap(connectNow, isConnected), { while: (open) => open })
  return server.port
})

export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "doctor-"))),
  (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true, force: true }))
)

const redisProcess = (
  args: ReadonlyArray<string>
): Effect.Effect<ChildProcess, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => spawn("redis-server", args, { stdio: "ignore" }).on("error", () => {})),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

/** The first bytes that a Redis server answers to PING; empty where it does not accept yet. */
const pingAnswer = (port: number): Effect.Effect<string> =>
  Effect.async<string>((resume) => {
    const socket = net.connect(port, "127.0.0.1", () => socket.write("PING\r\n"))
    const answer = (text: string) => {
      socket.destroy()
      resume(Effect.succeed(text))
    }
    socket.once("data", (bytes: Buffer) => answer(bytes.toString("latin1")))
    socket.once("error", () => answer(""))
  })

/** A Redis server that loads its data for longer than any test takes. */
export const loadingRedis = Effect.gen(function* () {
  const folder = yield* temporaryFolder
  yield* Effect.scoped(
    Effect.gen(function* () {
      const server = yield* RedisServer.make({
        kind: "native",
        nativeConfig: [`dir ${folder}`, "enable-debug-command yes"]
      })
      yield* server.command("DEBUG", "POPULATE", 50_000)
      yield* server.command("SAVE")
    })
  )
  const port = yield* closedPort
  const options = {
    port: String(port),
    bind: "127.0.0.1",
    dir: folder,
    save: "",
    "key-load-delay": "2000",
    "loading-process-events-interval-bytes": "1024"
  }
  yield* redisProcess(Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]))
  yield* eventually(Effect.map(pingAnswer(port), (answer) => answer.startsWith("-LOADING")))
  return port
})

/** A real sentinel that watches `master` as `events`. */
export const sentinel = (master: RedisServer.RedisServer) =>
  Effect.gen(function* () {
    const folder = yield* temporaryFolder
    const port = yield* closedPort
    const file = path.join(folder, "sentinel.conf")
    const lines = [
      `port ${port}`,
      "bind 127.0.0.1",
      `dir ${folder}`,
      `sentinel monitor events ${master.host} ${master.port} 1`
    ]
    fs.writeFileSync(file, `${lines.join("\n")}\n`)
    const child = yield* redisProcess([file, "--sentinel"])
    yield* eventually(Effect.map(pingAnswer(port), (answer) => answer.startsWith("+PONG")))
    const kill = Effect.async<void>((resume) => {
      child.once("exit", () => resume(Effect.void))
      child.kill("SIGKILL")
    })
    return { port, kill }
  })

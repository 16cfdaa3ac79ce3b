import { describe, expect, it } from "@effect/vitest"
import { FaultProxy } from "@tenant-discovery/simulator"
import { Effect, Exit, Scope } from "effect"
import * as net from "node:net"
import { eventually } from "./eventually.js"

/** An echo server. */
const echo = Effect.acquireRelease(
  Effect.async<{
    server: net.Server
    port: number
    seen: () => number
    ended: () => number
    resets: () => number
  }>((resume) => {
    let seen = 0
    let ended = 0
    let resets = 0
    const server = net.createServer((socket) => {
      socket.on("data", (chunk) => {
        seen += chunk.length
        socket.write(chunk)
      })
      socket.on("error", (error: NodeJS.ErrnoException) => {
        if (error.code === "ECONNRESET") resets++
      })
      socket.on("close", () => ended++)
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      resume(
        Effect.succeed({
          server,
          port,
          seen: () => seen,
          ended: () => ended,
          resets: () => resets
        })
      )
    })
  }),
  ({ server }) => Effect.sync(() => server.close())
)

const connect = (port: number) =>
  Effect.acquireRelease(
    Effect.async<{ socket: net.Socket; got: () => string; end: () => string }, string>((resume) => {
      let got = ""
      let end = "open"
      const socket = net.connect({ host: "127.0.0.1", port })
      socket.on("data", (chunk) => {
        got += chunk.toString()
      })
      socket.on("error", (error: NodeJS.ErrnoException) => {
        end = error.code ?? "error"
        resume(Effect.fail(end))
      })
      socket.on("close", () => {
        if (end === "open") end = "closed"
      })
      socket.on("connect", () => resume(Effect.succeed({ socket, got: () => got, end: () => end })))
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

const is = <A>(what: string, actual: () => A, expected: A) =>
  eventually(
    `${what} is ${String(expected)}`,
    Effect.sync(() => actual() === expected)
  )

const setup = Effect.gen(function* () {
  const server = yield* echo
  const proxy = yield* FaultProxy.make({ host: "127.0.0.1", port: server.port })
  return { server, proxy }
})

describe("FaultProxy", () => {
  it.scopedLive("forwards in both directions and counts connections", () =>
    Effect.gen(function* () {
      const { proxy, server } = yield* setup
      const one = yield* connect(proxy.port)
      const big = "x".repeat(3_000_000)
      one.socket.write(big)
      yield* is("what came back", () => one.got().length, big.length)
      expect(yield* proxy.connections).toBe(1)
      one.socket.end()
      yield* is("the client", one.end, "closed")
      yield* is("the ended connections", server.ended, 1)
      yield* eventually(
        "none is left",
        Effect.map(proxy.connections, (n) => n === 0)
      )
      expect(yield* proxy.accepted).toBe(1)
    })
  )

  it.scopedLive("cuts and refuses connections, and resumes on the same port", () =>
    Effect.gen(function* () {
      const { proxy, server } = yield* setup
      const one = yield* connect(proxy.port)
      yield* proxy.refuse
      expect(yield* Effect.flip(connect(proxy.port))).toBe("ECONNREFUSED")
      one.socket.write("still there")
      yield* is("what came back", one.got, "still there")
      yield* proxy.cut
      yield* is("the client", one.end, "closed")
      yield* is("the ended connections", server.ended, 1)
      expect(yield* Effect.flip(connect(proxy.port))).toBe("ECONNREFUSED")
      yield* proxy.resume
      const two = yield* connect(proxy.port)
      two.socket.write("again")
      yield* is("what came back", two.got, "again")
    })
  )

  it.scopedLive("resets connections", () =>
    Effect.gen(function* () {
      const { proxy, server } = yield* setup
      const one = yield* connect(proxy.port)
      one.socket.write("a")
      yield* is("what came back", one.got, "a")
      yield* proxy.reset
      yield* is("the client", one.end, "ECONNRESET")
      yield* is("the server's resets", server.resets, 1)
      yield* connect(proxy.port)
    })
  )

  it.scopedLive("holds a direction and keeps its bytes", () =>
    Effect.gen(function* () {
      const { proxy, server } = yield* setup
      const one = yield* connect(proxy.port)
      yield* proxy.hold("toClient")
      one.socket.write("hello")
      yield* is("what the server saw", server.seen, 5)
      yield* proxy.hold()
      expect(one.got()).toBe("")
      expect(one.end()).toBe("open")
      yield* proxy.resume
      yield* is("what came back", one.got, "hello")
      yield* proxy.hold("toServer")
      one.socket.write("more")
      const two = yield* connect(proxy.port)
      expect(two.end()).toBe("open")
      expect(server.seen()).toBe(5)
      yield* proxy.resume
      yield* is("what came back", one.got, "hellomore")
    })
  )

  it.scopedLive("drops the bytes of a black hole", () =>
    Effect.gen(function* () {
      const { proxy, server } = yield* setup
      const one = yield* connect(proxy.port)
      yield* proxy.blackhole("toClient")
      one.socket.write("lost")
      yield* is("what the server saw", server.seen, 4)
      // A second one behind it through the same way shows that the first had its chance.
      one.socket.write("gone")
      yield* is("what the server saw", server.seen, 8)
      yield* proxy.hold("toClient")
      one.socket.write("kept")
      yield* is("what the server saw", server.seen, 12)
      yield* proxy.resume
      yield* eventually(
        "the last came",
        Effect.sync(() => one.got().endsWith("kept"))
      )
      expect(one.got()).not.toContain("lost")
    })
  )

  it.scopedLive.each([[undefined], ["toServer"], ["toClient"]] as const)(
    "slows down: %s",
    ([direction]) =>
      Effect.gen(function* () {
        const { proxy } = yield* setup
        const one = yield* connect(proxy.port)
        yield* proxy.slow(20_000, direction)
        const began = performance.now()
        one.socket.write("x".repeat(4_000))
        yield* is("what came back", () => one.got().length, 4_000)
        expect(performance.now() - began).toBeGreaterThan(180)
      })
  )

  it.scopedLive("slows one direction without the other", () =>
    Effect.gen(function* () {
      const { proxy, server } = yield* setup
      const one = yield* connect(proxy.port)
      yield* proxy.slow(1, "toClient")
      one.socket.write("x".repeat(100_000))
      yield* is("what the server saw", server.seen, 100_000)
      expect(one.got().length).toBeLessThan(100_000)
      yield* proxy.resume
      yield* is("what came back", () => one.got().length, 100_000)
    })
  )

  it.scopedLive("ends a connection after a number of bytes in either direction", () =>
    Effect.gen(function* () {
      const { proxy, server } = yield* setup
      const one = yield* connect(proxy.port)
      yield* proxy.halve(3, "toClient")
      one.socket.write("abcdef")
      yield* is("the client", one.end, "closed")
      expect(one.got()).toBe("abc")
      expect(server.seen()).toBe(6)
      const two = yield* connect(proxy.port)
      yield* proxy.halve(2, "toServer")
      two.socket.write("abcdef")
      yield* is("the client", two.end, "closed")
      yield* is("the ended connections", server.ended, 2)
      expect(server.seen()).toBe(8)
    })
  )

  it.live("leaves no connection open, also a held one", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { proxy, server } = yield* Scope.extend(setup, scope)
      const client = yield* Scope.make()
      const one = yield* Scope.extend(connect(proxy.port), client)
      one.socket.write("a")
      yield* is("what came back", one.got, "a")
      yield* proxy.hold()
      yield* Scope.close(scope, Exit.void)
      yield* is("the client", one.end, "closed")
      yield* is("the ended connections", server.ended, 1)
      expect(yield* Effect.flip(Effect.scoped(connect(proxy.port)))).toBe("ECONNREFUSED")
      yield* Scope.close(client, Exit.void)
    })
  )
})

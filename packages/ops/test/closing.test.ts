import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Exit, Layer, Scope } from "effect"
import { once } from "node:events"
import { connect } from "node:net"
import { TenantOps } from "../src/index.js"
import { served } from "./support/http.js"

/** Names of 4 MB each: no buffer of a connection holds the snapshot. */
const large = Array.from({ length: 5 }, (_, n) => ({ id: `tenant-${n}`, name: "x".repeat(4e6) }))

/** A client that asks, reads the beginning of the answer, and then no more. */
const stalled = (url: string, path: string) =>
  Effect.promise(async () => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    const closed = once(socket, "close")
    socket.on("error", () => {})
    socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`)
    await once(socket, "readable")
    socket.read(1)
    return { socket, closed }
  })

describe("the close of the layer", () => {
  it.live.each(["/events", "/tenants"])(
    "is bounded, and cuts a client of %s that does not read",
    (path) =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const { url } = yield* Layer.build(served({}, large)).pipe(
          Scope.extend(scope),
          Effect.flatMap((context) => Effect.provide(TenantOps.TenantOpsServer, context))
        )
        const { closed, socket } = yield* stalled(url, path)
        const [took] = yield* Effect.timed(Scope.close(scope, Exit.void))
        expect(Duration.toMillis(took)).toBeLessThan(3000)
        socket.resume()
        yield* Effect.promise(() => closed)
      })
  )

  it.live("is immediate where all clients read, and ends their streams", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { url } = yield* Layer.build(served()).pipe(
        Scope.extend(scope),
        Effect.flatMap((context) => Effect.provide(TenantOps.TenantOpsServer, context))
      )
      const response = yield* Effect.promise(() => fetch(`${url}/events`))
      const text = yield* Effect.fork(Effect.promise(() => response.text()))
      const [took] = yield* Effect.timed(Scope.close(scope, Exit.void))
      expect(Duration.toMillis(took)).toBeLessThan(900)
      expect(yield* text).toContain("event: snapshot")
    })
  )

  it.live("fails where the port is taken", () =>
    Effect.gen(function* () {
      const { url } = yield* TenantOps.TenantOpsServer
      const port = Number(new URL(url).port)
      const second = TenantOps.layer({ port }).pipe(Layer.provide(served()))
      const error = yield* Effect.flip(Effect.scoped(Layer.build(second)))
      expect(error._tag).toBe("ServeError")
    }).pipe(Effect.provide(served()))
  )
})

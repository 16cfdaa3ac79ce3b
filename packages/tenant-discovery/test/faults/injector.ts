/** A TCP proxy that can send its own bytes to its clients. */
import { Effect, type Scope } from "effect"
import * as net from "node:net"

export interface Injector {
  readonly port: number
  /** Writes bytes to every client, between the server's replies. */
  readonly inject: (bytes: Uint8Array) => Effect.Effect<void>
}

export const makeInjector = (target: {
  readonly host: string
  readonly port: number
}): Effect.Effect<Injector, never, Scope.Scope> =>
  Effect.gen(function* () {
    const clients = new Set<net.Socket>()
    const server = yield* Effect.acquireRelease(
      Effect.async<net.Server>((resume) => {
        const made = net.createServer((client) => {
          const upstream = net.connect(target)
          clients.add(client)
          client.pipe(upstream).pipe(client)
          const end = () => {
            clients.delete(client)
            client.destroy()
            upstream.destroy()
          }
          for (const socket of [client, upstream]) socket.on("error", end).on("close", end)
        })
        made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
      }),
      (made) =>
        Effect.sync(() => {
          for (const client of clients) client.destroy()
          made.close()
        })
    )
    const address = server.address()
    return {
      port: address !== null && typeof address === "object" ? address.port : 0,
      inject: (bytes) =>
        Effect.sync(() => {
          for (const client of clients) client.write(bytes)
        })
    }
  })

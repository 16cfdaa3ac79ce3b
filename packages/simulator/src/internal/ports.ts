import * as Effect from "effect/Effect"
import * as net from "node:net"

export const loopback = "127.0.0.1"

// Below the range that systems hand out for outgoing connections (Linux from 32768, macOS and
// Windows from 49152): a port in that range can be taken by any client while its server is down,
// and a client that keeps dialling it can even end up connected to itself.
const lowest = 15_000
const highest = 31_999

const isFree = (port: number): Effect.Effect<boolean> =>
  Effect.async<boolean>((resume) => {
    const server = net.createServer()
    server.once("error", () => resume(Effect.succeed(false)))
    server.listen({ port, host: loopback, exclusive: true }, () =>
      server.close(() => resume(Effect.succeed(true)))
    )
  })

/** A loopback port that nothing listens on now, and that no outgoing connection will be given. */
export const freePort: Effect.Effect<number> = Effect.suspend(() => {
  const port = lowest + Math.floor(Math.random() * (highest - lowest + 1))
  return Effect.flatMap(isFree(port), (free) => (free ? Effect.succeed(port) : freePort))
})

/** Listens on a given port, or on a free one. Fails with Node's error when the port is taken. */
export const listen = (server: net.Server, port: number) =>
  Effect.async<void, NodeJS.ErrnoException>((resume) => {
    const onError = (error: NodeJS.ErrnoException) => resume(Effect.fail(error))
    server.once("error", onError)
    server.listen({ port, host: loopback, exclusive: true }, () => {
      server.off("error", onError)
      resume(Effect.void)
    })
  })

/** `listen` on a free port; one that was taken meanwhile is replaced by another. */
export const listenOnFreePort = (
  server: net.Server
): Effect.Effect<number, NodeJS.ErrnoException> =>
  Effect.flatMap(freePort, (port) => Effect.as(listen(server, port), port)).pipe(
    Effect.retry({ times: 5, while: (error) => error.code === "EADDRINUSE" })
  )

/** Stops listening. Its connections must be ended by whoever has them. */
export const closeServer = (server: net.Server): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    if (!server.listening) return resume(Effect.void)
    server.close(() => resume(Effect.void))
  })

import * as Effect from "effect/Effect"
import * as net from "node:net"

export const loopback = "127.0.0.1"

// Below the ephemeral ports (Linux from 32768, macOS and Windows from 49152): any client can take
// such a port while its server is down, and a client that retries it can connect to itself.
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

/** A free loopback port outside of the ephemeral range. */
export const freePort: Effect.Effect<number> = Effect.suspend(() => {
  const port = lowest + Math.floor(Math.random() * (highest - lowest + 1))
  return Effect.flatMap(isFree(port), (free) => (free ? Effect.succeed(port) : freePort))
})

/** Listens on a port. Fails with Node's error where the port is taken. */
export const listen = (server: net.Server, port: number) =>
  Effect.async<void, NodeJS.ErrnoException>((resume) => {
    const onError = (error: NodeJS.ErrnoException) => resume(Effect.fail(error))
    server.once("error", onError)
    server.listen({ port, host: loopback, exclusive: true }, () => {
      server.off("error", onError)
      resume(Effect.void)
    })
  })

/** Listens on a free port; retries with another where a process took it meanwhile. */
export const listenOnFreePort = (
  server: net.Server
): Effect.Effect<number, NodeJS.ErrnoException> =>
  Effect.flatMap(freePort, (port) => Effect.as(listen(server, port), port)).pipe(
    Effect.retry({ times: 5, while: (error) => error.code === "EADDRINUSE" })
  )

/** Stops listening, and waits for the open connections, which the caller must close. */
export const closeServer = (server: net.Server): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    if (!server.listening) return resume(Effect.void)
    server.close(() => resume(Effect.void))
  })

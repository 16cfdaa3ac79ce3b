import { Effect, type Scope } from "effect"
import { createServer, type Server, type Socket } from "node:net"

/** The free port of the loopback interface on which `server` listens until the scope closes, which cuts its connections. */
export const listen = (server: Server): Effect.Effect<number, never, Scope.Scope> =>
  Effect.suspend(() => {
    const sockets = new Set<Socket>()
    server.on("connection", (socket) => {
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

/** A port on which nothing listens: it was free a moment ago. */
export const freePort: Effect.Effect<number> = Effect.scoped(
  Effect.suspend(() => listen(createServer()))
)

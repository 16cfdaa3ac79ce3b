import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { closeServer, listen, listenOnFreePort } from "./ports.js"

export type Handler = (request: IncomingMessage, response: ServerResponse) => Effect.Effect<void>

/** Serves until the scope closes; then destroys every connection. */
export const serve = (
  port: number | undefined,
  handler: Handler
): Effect.Effect<number, NodeJS.ErrnoException, Scope.Scope> =>
  Effect.gen(function* () {
    const run = yield* FiberSet.makeRuntime()
    const sockets = new Set<Socket>()
    const server = createServer((request, response) => {
      const gone = Effect.async<void>((resume) => {
        response.once("close", () => resume(Effect.void))
      })
      response.on("error", () => {})
      run(Effect.raceFirst(handler(request, response), gone))
    })
    // A timeout could close an idle connection just as a client reuses it: an unwanted fault.
    server.keepAliveTimeout = 0
    server.on("connection", (socket: Socket) => {
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket))
    })
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        for (const socket of sockets) socket.destroy()
        return closeServer(server)
      })
    )
    if (port === undefined) return yield* listenOnFreePort(server)
    yield* listen(server, port)
    return port
  })

/** The whole body as text. */
export const readBody = (request: IncomingMessage): Effect.Effect<string> =>
  Effect.async<string>((resume) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => resume(Effect.succeed(Buffer.concat(chunks).toString())))
  })

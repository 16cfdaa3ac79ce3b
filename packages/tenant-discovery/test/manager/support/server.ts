/**
 * A real HTTP server for one test, on a free port of the loopback interface.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { Effect, type Scope } from "effect"

export interface TestServer {
  readonly url: string
  /** Every request that arrived, oldest first. */
  readonly requests: ReadonlyArray<IncomingMessage>
  /** How many connections were ever opened, and how many are open now. */
  readonly connections: () => { readonly opened: number; readonly open: number }
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

const listen = (server: Server): Effect.Effect<number> =>
  Effect.async((resume) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      resume(
        typeof address === "object" && address !== null
          ? Effect.succeed(address.port)
          : Effect.dieMessage("a server that listens on a port has an address")
      )
    })
  })

/** Serves until the scope closes, which cuts every connection. */
export const serve = (handler: Handler): Effect.Effect<TestServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const requests: Array<IncomingMessage> = []
    const sockets = new Set<Socket>()
    let opened = 0
    const server = createServer((request, response) => {
      requests.push(request)
      handler(request, response)
    })
    server.on("connection", (socket) => {
      opened++
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket))
    })
    yield* Effect.addFinalizer(() =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        for (const socket of sockets) socket.destroy()
      })
    )
    const port = yield* listen(server)
    return {
      url: `http://127.0.0.1:${port}`,
      requests,
      connections: () => ({ opened, open: sockets.size })
    }
  })

/** Answers with this status, these headers and this body. */
export const answer =
  (status: number, body = "", headers: Readonly<Record<string, string>> = {}): Handler =>
  (_request, response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers })
    response.end(body)
  }

/** A URL at which nothing listens: its port was free a moment ago. */
export const refusedUrl: Effect.Effect<string> = Effect.scoped(
  Effect.map(serve(answer(200)), (server) => server.url)
)

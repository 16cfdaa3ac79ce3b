/**
 * A real HTTP server for one test, on a free port of the loopback interface.
 */
import { createServer } from "node:http"
import { Effect } from "effect"
const listen = (server) =>
  Effect.async((resume) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      resume(Effect.succeed(address.port))
    })
  })
/** Serves until the scope closes, which cuts every connection. */
export const serve = (handler) =>
  Effect.gen(function* () {
    const requests = []
    const sockets = new Set()
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
      Effect.async((resume) => {
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
  (status, body = "", headers = {}) =>
  (_request, response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers })
    response.end(body)
  }
/** A URL at which nothing listens: its port was free a moment ago. */
export const refusedUrl = Effect.scoped(Effect.map(serve(answer(200)), (server) => server.url))
//# sourceMappingURL=server.js.map

/**
 * A real HTTP server for one test, on a free port of the loopback interface.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { Effect, type Scope } from "effect"
import { freePort, listen } from "../../support/listen.js"

export interface TestServer {
  readonly url: string
  /** Every request that arrived, oldest first. */
  readonly requests: ReadonlyArray<IncomingMessage>
  /** How many connections were ever opened, and how many are open now. */
  readonly connections: () => { readonly opened: number; readonly open: number }
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** Serves until the scope closes, which cuts every connection. */
export const serve = (handler: Handler): Effect.Effect<TestServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const requests: Array<IncomingMessage> = []
    let opened = 0
    let open = 0
    const server = createServer((request, response) => {
      requests.push(request)
      handler(request, response)
    })
    server.on("connection", (socket) => {
      opened++
      open++
      socket.on("close", () => open--)
    })
    const port = yield* listen(server)
    return {
      url: `http://127.0.0.1:${port}`,
      requests,
      connections: () => ({ opened, open })
    }
  })

/** Answers with this status, these headers and this body. */
export const answer =
  (status: number, body = "", headers: Readonly<Record<string, string>> = {}): Handler =>
  (_request, response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers })
    response.end(body)
  }

/** A URL at which nothing listens. */
export const refusedUrl: Effect.Effect<string> = Effect.map(
  freePort,
  (port) => `http://127.0.0.1:${port}`
)

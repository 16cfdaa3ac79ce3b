/** The server of `TenantOps.layer`. */
import type { HttpServer, HttpServerError } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, type Scope } from "effect"
import { createServer } from "node:http"
import { boundedWait } from "./boundedWait.js"

/** How long answers under way may take once the server closes. */
const CLOSE_TIMEOUT = "1 second"
/** Milliseconds after which a connection without traffic is cut, such as a client that does not read. */
const SILENCE = 60_000

/** Listens until the scope closes, which takes a second at most, whatever the clients do. */
export const listen = (options: {
  readonly port: number
  readonly host: string
}): Effect.Effect<HttpServer.HttpServer, HttpServerError.ServeError, Scope.Scope> =>
  Effect.gen(function* () {
    const server = createServer()
    server.timeout = SILENCE
    const http = yield* NodeHttpServer.make(() => server, options)
    // Runs before the finalizer of `make`, which waits for every connection.
    yield* Effect.addFinalizer(() => {
      const closed = Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
      })
      return Effect.zipRight(
        boundedWait(closed, CLOSE_TIMEOUT),
        Effect.sync(() => server.closeAllConnections())
      )
    })
    return http
  })

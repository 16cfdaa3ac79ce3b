/** The page and the actions of the playground, on one port. */
import {
  HttpRouter,
  HttpServer,
  type HttpServerError,
  HttpServerRequest,
  HttpServerResponse
} from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { TenantOps } from "@tenant-discovery/ops"
import { Effect, ParseResult, Schema, type Scope } from "effect"
import { createServer } from "node:http"
import type { TenantDiscovery } from "tenant-discovery"
import { type Action, ActionFailed } from "./actions.js"

const HOST = "127.0.0.1"

const problem = (status: number, detail: string) =>
  HttpServerResponse.unsafeJson(
    { type: "about:blank", title: "The action was not done", status, detail },
    { status, contentType: "application/problem+json" }
  )

const Body = Schema.Struct({ tenant: Schema.optional(Schema.String) })

const body = Effect.gen(function* () {
  const { headers } = yield* HttpServerRequest.HttpServerRequest
  // A page of another origin cannot send JSON without asking first, which this server refuses.
  if (!/^application\/json\b/.test(headers["content-type"] ?? "")) {
    return yield* new ActionFailed({ message: "expected JSON" })
  }
  return yield* HttpServerRequest.schemaBodyJson(Body)
})

const run = (action: Action, tenant: string | undefined): Effect.Effect<string, ActionFailed> => {
  if (!action.needsTenant) return action.run
  return tenant === undefined
    ? new ActionFailed({ message: `"${action.label}" needs a tenant` })
    : action.run(tenant)
}

const actionRoutes = (actions: ReadonlyArray<Action>) =>
  HttpRouter.empty.pipe(
    HttpRouter.get(
      "/demo/actions",
      HttpServerResponse.unsafeJson(
        actions.map(({ group, hint, id, label, needsTenant }) => ({
          id,
          label,
          needsTenant,
          group,
          hint
        }))
      )
    ),
    HttpRouter.post(
      "/demo/actions/:id",
      Effect.gen(function* () {
        const { id } = yield* HttpRouter.params
        const { tenant } = yield* body
        const action = actions.find((action) => action.id === id)
        if (action === undefined) return problem(404, `there is no action "${id}"`)
        return HttpServerResponse.unsafeJson({ text: yield* run(action, tenant) })
      }).pipe(
        Effect.catchTags({
          ActionFailed: ({ message }) => Effect.succeed(problem(409, message)),
          ParseError: (error) =>
            Effect.succeed(problem(400, ParseResult.TreeFormatter.formatErrorSync(error))),
          RequestError: ({ message }) => Effect.succeed(problem(400, message))
        })
      )
    )
  )

/** As `TenantOps.layer`. */
const DEFAULT_PORT = 9464

/**
 * Listens until the scope closes; gives the address of the page. Without a port: 9464, or a free one
 * where that is taken.
 */
export const serve = (
  actions: ReadonlyArray<Action>,
  port: number | undefined
): Effect.Effect<string, HttpServerError.ServeError, TenantDiscovery | Scope.Scope> =>
  Effect.gen(function* () {
    const http = createServer()
    const listen = (port: number) => NodeHttpServer.make(() => http, { host: HOST, port })
    const server = yield* port === undefined
      ? Effect.orElse(listen(DEFAULT_PORT), () => listen(0))
      : listen(port)
    // Without it, the server waits for the idle connections of browsers.
    yield* Effect.addFinalizer(() => Effect.sync(() => http.closeAllConnections()))
    // After the server, so that the streams of the page end before it closes.
    const ops = yield* TenantOps.routes()
    yield* server.serve(HttpRouter.concat(ops, actionRoutes(actions)))
    return `${HttpServer.formatAddress(server.address)}/?demo`
  })

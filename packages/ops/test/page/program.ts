/** A program with `TenantOps` over tenants that a test controls. */
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { TenantOps } from "@tenant-discovery/ops"
import {
  Context,
  Data,
  Effect,
  Exit,
  Layer,
  Logger,
  LogLevel,
  Redacted,
  Schedule,
  Scope
} from "effect"
import { createServer } from "node:http"
import { CurrentTenant, TenantWorker } from "tenant-discovery"
import {
  type TenantInput,
  TestTenantAssignment,
  TestTenantDiscovery,
  type TestTenantDiscoveryControls
} from "tenant-discovery/testing"

export interface Program {
  /** The address of the page. */
  readonly url: string
  readonly tenants: TestTenantDiscoveryControls
  readonly stopServer: Effect.Effect<void>
  /** On the same port. */
  readonly startServer: Effect.Effect<void>
}

export interface ProgramOptions {
  readonly token?: string
  /** Serves actions as a demo does. */
  readonly demo?: boolean
  /** The tenants that are this replica's. Default: the program shares its tenants with no other. */
  readonly assigned?: ReadonlyArray<string>
}

/** The work of a tenant with this ID fails. */
export const BROKEN = "broken"

class NoDatabase extends Data.TaggedError("NoDatabase")<{ readonly message: string }> {}

const Relay = TenantWorker.perTenant({
  name: "relay",
  restart: Schedule.spaced("1 hour"),
  run: Effect.gen(function* () {
    const { id } = yield* CurrentTenant
    if (id === BROKEN) yield* new NoDatabase({ message: "<b>no database</b>" })
    yield* Effect.never
  })
})

const actions = HttpRouter.empty.pipe(
  HttpRouter.get(
    "/demo/actions",
    HttpServerResponse.unsafeJson([
      { id: "kill", label: "Kill Redis", needsTenant: false },
      { id: "suspend", label: "Suspend", needsTenant: true }
    ])
  ),
  HttpRouter.post(
    "/demo/actions/:id",
    Effect.gen(function* () {
      const { url } = yield* HttpServerRequest.HttpServerRequest
      const body = yield* HttpServerRequest.HttpServerRequest.pipe(
        Effect.flatMap((request) => request.text)
      )
      return HttpServerResponse.unsafeJson({ text: `${url} was called with ${body}` })
    })
  )
)

const demoServer = (port: number) =>
  TenantOps.routes().pipe(
    Effect.map((routes) => HttpServer.serve(HttpRouter.concat(routes, actions))),
    Layer.unwrapScoped,
    Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port }))
  )

/** Runs until the scope closes. */
export const makeProgram = (
  initial: Iterable<TenantInput>,
  { assigned, demo = false, token }: ProgramOptions = {}
): Effect.Effect<Program, never, Scope.Scope> =>
  Effect.gen(function* () {
    const assignment = assigned === undefined ? Layer.empty : TestTenantAssignment.layer(assigned)
    const context = yield* Layer.build(
      Relay.pipe(
        Layer.provideMerge(assignment),
        Layer.provideMerge(TestTenantDiscovery.layer(initial))
      )
    )
    let port = 0
    let scope = yield* Scope.make()
    const serve = Effect.gen(function* () {
      if (demo) {
        const server = yield* Layer.build(demoServer(port))
        return HttpServer.formatAddress(Context.get(server, HttpServer.HttpServer).address)
      }
      const ops = TenantOps.layer({
        port,
        ...(token === undefined ? {} : { token: Redacted.make(token) })
      })
      return Context.get(yield* Layer.build(ops), TenantOps.TenantOpsServer).url
    }).pipe(Effect.provide(context), Effect.orDie)
    const start = Effect.gen(function* () {
      scope = yield* Scope.make()
      const url = yield* Scope.extend(serve, scope)
      port = Number(new URL(url).port)
      return url
    })
    const stop = Effect.suspend(() => Scope.close(scope, Exit.void))
    yield* Effect.addFinalizer(() => stop)
    const url = yield* start
    return {
      url: `${url}/`,
      tenants: Context.get(context, TestTenantDiscovery),
      stopServer: stop,
      startServer: Effect.asVoid(start)
    }
  }).pipe(Logger.withMinimumLogLevel(LogLevel.None))

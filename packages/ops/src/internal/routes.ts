/** The endpoints. */
import { type HttpApp, HttpRouter, HttpServerResponse } from "@effect/platform"
import { Context, Deferred, Effect, Layer, Option, type Redacted, type Scope, Stream } from "effect"
import { readdir, readFile } from "node:fs/promises"
import { TenantAssignment, TenantDiscovery, TenantHealth } from "tenant-discovery"
import { makeAccess } from "./access.js"
import { makeFeed } from "./feed.js"
import { CONTENT_TYPE, makeMetricsText } from "./metricsText.js"
import { problem } from "./problem.js"
import { withPage, withReady, withTenantId } from "./queries.js"
import { isShared, rowsOf } from "./tenantRows.js"
import { makeTimeline } from "./timeline.js"
import { healthJson, membersJson, statusJson, tenantJson } from "./wire.js"

/** How many clients `/events` serves at a time. */
const MAX_CLIENTS = 100

const packageFile = (name: string) => new URL(`../../${name}`, import.meta.url)

const json = (body: unknown, status = 200) => HttpServerResponse.unsafeJson(body, { status })

const noContent = HttpServerResponse.empty({ status: 204 })

const version = Effect.promise(async () => {
  const manifest: unknown = JSON.parse(await readFile(packageFile("package.json"), "utf8"))
  return typeof manifest === "object" && manifest !== null && "version" in manifest
    ? String(manifest.version)
    : ""
}).pipe(Effect.catchAllDefect(() => Effect.succeed("")))

const pageTypes: Readonly<Record<string, string>> = {
  html: "text/html",
  css: "text/css",
  js: "text/javascript"
}

/** The files of the page, by path. None where the program was bundled without them. */
const pageFiles = Effect.promise(() => readdir(packageFile("page"))).pipe(
  Effect.catchAllDefect(() => Effect.succeed([])),
  Effect.map((names) =>
    names.flatMap((name) => {
      const type = pageTypes[name.split(".").at(-1) ?? ""]
      const path: HttpRouter.PathInput = name === "index.html" ? "/" : `/${name}`
      return type === undefined ? [] : [{ path, name, contentType: `${type}; charset=utf-8` }]
    })
  )
)

const notShared = problem(404, "this program does not share its tenants with other replicas")

/** The health that the program provides, or one of its own until the scope closes. */
const ownHealth = Effect.flatMap(
  Effect.serviceOption(TenantHealth),
  Option.match({
    onSome: Effect.succeed,
    onNone: () => Effect.map(Layer.build(TenantHealth.layer()), Context.get(TenantHealth))
  })
)

export interface Routes {
  readonly router: HttpRouter.HttpRouter
  /** Answers every path that `router` lacks. */
  readonly other: HttpApp.Default
}

/**
 * The endpoints over the program's discovery. They follow it until the scope closes, which also
 * ends the streams of `/events`.
 */
export const makeRoutes = (
  token: Redacted.Redacted | undefined
): Effect.Effect<Routes, never, TenantDiscovery | Scope.Scope> =>
  Effect.gen(function* () {
    const discovery = yield* TenantDiscovery
    const assignment = yield* TenantAssignment
    const health = yield* ownHealth
    const metrics = yield* makeMetricsText
    const closed = yield* Deferred.make<void>()
    yield* Effect.addFinalizer(() => Deferred.succeed(closed, undefined))

    const status = Effect.map(
      Effect.all({
        status: discovery.status.get,
        view: discovery.view.get,
        health: health.check,
        workers: health.workers,
        version
      }),
      statusJson
    )
    const timeline = yield* makeTimeline(health)
    const feed = yield* makeFeed({ assignment, status, timeline, closed })

    const readyz = withReady(({ tenant }) =>
      Effect.gen(function* () {
        if (tenant !== undefined) {
          return (yield* discovery.isActive(tenant))
            ? json({ status: "up", tenant })
            : problem(404, `tenant ${tenant} is not active`)
        }
        const report = yield* health.check
        return json(healthJson(report), report.status === "down" ? 503 : 200)
      })
    )

    const tenants = withPage(({ after, limit, q }) =>
      Effect.gen(function* () {
        const text = q?.toLowerCase() ?? ""
        const found = (yield* discovery.activeTenants).filter(
          ({ id, name }) =>
            id.toLowerCase().includes(text) || (name?.toLowerCase().includes(text) ?? false)
        )
        const rest = after === undefined ? found : found.filter(({ id }) => id > after)
        const page = rest.slice(0, limit)
        return json({
          tenants: yield* rowsOf(assignment, page),
          total: found.length,
          next: rest.length > limit ? page.at(-1)?.id : null
        })
      })
    )

    const tenant = withTenantId(({ id }) =>
      Effect.match(health.tenant(id), {
        onFailure: ({ message }) => problem(404, message),
        onSuccess: (report) => json(tenantJson(report))
      })
    )

    const refresh = discovery.refresh.pipe(
      Effect.zipRight(discovery.view.get),
      Effect.match({
        onFailure: ({ message }) => problem(503, message),
        onSuccess: ({ revision, size }) => json({ revision, activeTenants: size })
      })
    )

    const whenShared = <R>(
      answer: Effect.Effect<HttpServerResponse.HttpServerResponse, never, R>
    ): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R> =>
      isShared(assignment) ? answer : Effect.succeed(notShared)

    const members = Effect.gen(function* () {
      const rows = yield* rowsOf(assignment, yield* discovery.activeTenants)
      return json(membersJson(yield* assignment.members, rows))
    })

    let clients = 0
    /** Of the scope of the request, which ends with the stream. */
    const place = Effect.acquireRelease(
      Effect.sync(() => (clients < MAX_CLIENTS ? ++clients : undefined)),
      (taken) =>
        Effect.sync(() => {
          if (taken !== undefined) clients--
        })
    )
    const events = Effect.map(place, (taken) =>
      taken === undefined
        ? problem(503, `${MAX_CLIENTS} clients follow /events already`, { "retry-after": "5" })
        : HttpServerResponse.stream(Stream.encodeText(feed), {
            contentType: "text/event-stream; charset=utf-8",
            // The connection ends with the stream; nginx does not collect the events.
            headers: { connection: "close", "x-accel-buffering": "no" }
          })
    )

    const { get, guardedPost, openGet, other } = makeAccess(token)
    const router = HttpRouter.fromIterable([
      openGet("/livez", Effect.succeed(json({ status: "up" }))),
      openGet("/readyz", readyz),
      ...(yield* pageFiles).map(({ contentType, name, path }) =>
        openGet(
          path,
          Effect.map(
            Effect.promise(() => readFile(packageFile(`page/${name}`))),
            (body) => HttpServerResponse.uint8Array(body, { contentType })
          )
        )
      ),
      get("/tenants", tenants),
      get("/tenants/:id", tenant),
      get(
        "/status",
        Effect.map(status, (body) => json(body))
      ),
      get("/members", whenShared(members)),
      get("/events", events),
      get(
        "/metrics",
        Effect.map(metrics, (text) => HttpServerResponse.text(text, { contentType: CONTENT_TYPE }))
      ),
      guardedPost("/refresh", refresh),
      guardedPost("/cordon", whenShared(Effect.as(assignment.cordon, noContent))),
      guardedPost("/uncordon", whenShared(Effect.as(assignment.uncordon, noContent)))
    ])
    return { router, other }
  })

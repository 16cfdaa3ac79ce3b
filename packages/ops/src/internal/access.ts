/** Who may call a path, and with which method: in front of every handler. */
import {
  type HttpApp,
  HttpRouter,
  HttpServerRequest,
  type HttpServerResponse
} from "@effect/platform"
import { Effect, Redacted } from "effect"
import { createHash, timingSafeEqual } from "node:crypto"
import { problem, withSecurityHeaders } from "./problem.js"

/** A body is never needed; the largest that is ignored, in bytes. */
const MAX_BODY = 1024

const digest = (text: string): Buffer => createHash("sha256").update(text).digest()

/** Whether the request carries the token, compared in constant time. */
const carries = (
  request: HttpServerRequest.HttpServerRequest,
  token: Redacted.Redacted
): boolean => {
  const given = /^Bearer +(\S+)$/i.exec(request.headers["authorization"] ?? "")?.[1]
  return timingSafeEqual(digest(given ?? ""), digest(Redacted.value(token))) && given !== undefined
}

const hasLargeBody = ({ headers }: HttpServerRequest.HttpServerRequest): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > MAX_BODY

type Handler<R> = Effect.Effect<HttpServerResponse.HttpServerResponse, never, R>

interface Path<R> {
  readonly path: HttpRouter.PathInput
  readonly method: "GET" | "POST"
  readonly access: "open" | "token" | "guarded"
  readonly handler: Handler<R>
}

const refusal = (
  request: HttpServerRequest.HttpServerRequest,
  token: Redacted.Redacted | undefined,
  { access, method }: Pick<Path<never>, "access" | "method">
): HttpServerResponse.HttpServerResponse | undefined => {
  if (access !== "open" && token !== undefined && !carries(request, token)) {
    const detail = "this path needs the header Authorization: Bearer <token>"
    return problem(401, detail, { "www-authenticate": "Bearer" })
  }
  if (access === "guarded" && token === undefined) {
    return problem(404, "this path is served only where a token is configured")
  }
  const allowed: ReadonlyArray<string> = method === "GET" ? ["GET", "HEAD"] : [method]
  if (!allowed.includes(request.method)) {
    const allow = allowed.join(", ")
    return problem(405, `this path answers ${allow}`, { allow })
  }
  return hasLargeBody(request)
    ? problem(413, `a body of more than ${MAX_BODY} bytes is not read`, { connection: "close" })
    : undefined
}

/** A path with its checks, security headers, and a problem for a defect of the handler. */
const route = <R>(token: Redacted.Redacted | undefined, path: Path<R>) => {
  const app: HttpApp.Default<never, R> = Effect.flatMap(
    HttpServerRequest.HttpServerRequest,
    (request) => {
      const refused = refusal(request, token, path)
      return refused === undefined ? path.handler : Effect.succeed(refused)
    }
  ).pipe(
    Effect.catchAllDefect((defect) =>
      Effect.as(
        Effect.logError(`the operations endpoint ${path.path} failed`, defect),
        problem(500, "the endpoint failed; the log of the program has the cause")
      )
    ),
    Effect.map(withSecurityHeaders)
  )
  return HttpRouter.makeRoute("*", path.path, app)
}

/** Makes routes: open ones need no token, guarded ones are not served where none is configured. */
export const makeAccess = (token: Redacted.Redacted | undefined) => ({
  openGet: <R>(path: HttpRouter.PathInput, handler: Handler<R>) =>
    route(token, { path, method: "GET", access: "open", handler }),
  get: <R>(path: HttpRouter.PathInput, handler: Handler<R>) =>
    route(token, { path, method: "GET", access: "token", handler }),
  guardedPost: <R>(path: HttpRouter.PathInput, handler: Handler<R>) =>
    route(token, { path, method: "POST", access: "guarded", handler }),
  /** Every other path. */
  other: route(token, {
    path: "*",
    method: "GET",
    access: "token",
    handler: Effect.succeed(problem(404, "there is no such path"))
  })
})

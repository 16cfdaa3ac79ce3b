/** Who may call a path, and with which method: in front of every handler. */
import {
  type HttpApp,
  HttpRouter,
  HttpServerRequest,
  type HttpServerResponse
} from "@effect/platform"
import { Effect, Redacted } from "effect"
import { createHash, timingSafeEqual } from "node:crypto"
import { isLoopback } from "./opsOptions.js"
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

/**
 * Whether the client asked for this machine by a loopback name. A page of another site whose name
 * was made to resolve to 127.0.0.1 (DNS rebinding) sends its own name.
 */
const namesLoopback = ({ headers }: HttpServerRequest.HttpServerRequest): boolean =>
  isLoopback((headers["host"] ?? "").replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1"))

interface Rule {
  readonly method: "GET" | "POST"
  /** `open`: needs no token. `guarded`: is not served without one. */
  readonly access: "open" | "token" | "guarded"
}

const refusal = (
  request: HttpServerRequest.HttpServerRequest,
  token: Redacted.Redacted | undefined,
  { access, method }: Rule
): HttpServerResponse.HttpServerResponse | undefined => {
  if (access !== "open" && token !== undefined && !carries(request, token)) {
    const detail = "this path needs the header Authorization: Bearer <token>"
    return problem(401, detail, { "www-authenticate": "Bearer" })
  }
  if (access === "guarded" && token === undefined) {
    return problem(404, "this path is served only where a token is configured")
  }
  if (access !== "open" && token === undefined && !namesLoopback(request)) {
    return problem(403, "without a token this path is served only to a client on this machine")
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

/** The handler behind its checks, with security headers, and a problem where it dies. */
const behind =
  (token: Redacted.Redacted | undefined, rule: Rule) =>
  <R>(handler: HttpApp.Default<never, R>): HttpApp.Default<never, R> =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
      Effect.suspend(() => {
        const refused = refusal(request, token, rule)
        return refused === undefined ? handler : Effect.succeed(refused)
      }).pipe(
        Effect.catchAllDefect((defect) =>
          Effect.as(
            Effect.logError(`${request.method} ${request.url} failed`, defect),
            problem(500, "the endpoint failed; the log of the program has the cause")
          )
        ),
        Effect.map(withSecurityHeaders)
      )
    )

/** Makes routes: open ones need no token, guarded ones are not served where none is configured. */
export const makeAccess = (token: Redacted.Redacted | undefined) => {
  const route =
    (rule: Rule) =>
    <R>(path: HttpRouter.PathInput, handler: HttpApp.Default<never, R>) =>
      HttpRouter.makeRoute("*", path, behind(token, rule)(handler))
  const toGet: Rule = { method: "GET", access: "token" }
  return {
    openGet: route({ method: "GET", access: "open" }),
    get: route(toGet),
    guardedPost: route({ method: "POST", access: "guarded" }),
    /** Answers every other path. */
    other: behind(token, toGet)(Effect.succeed(problem(404, "there is no such path")))
  }
}

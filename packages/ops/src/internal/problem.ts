/** Answers in one form: security headers on each, problems as RFC 9457 says. */
import { HttpServerResponse } from "@effect/platform"

const securityHeaders = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store"
}

export const withSecurityHeaders = HttpServerResponse.setHeaders(securityHeaders)

const titles = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  413: "Content Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable"
} as const

/** `detail` is for people and holds no secret. */
export const problem = (
  status: keyof typeof titles,
  detail: string,
  headers: Readonly<Record<string, string>> = {}
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.unsafeJson(
    { type: "about:blank", title: titles[status], status, detail },
    { status, headers, contentType: "application/problem+json" }
  )

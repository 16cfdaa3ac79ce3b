/**
 * The API key goes into one header and nowhere else, whatever the server echoes
 * and whatever the platform's errors carry along.
 */
import { HttpClient, HttpClientError } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Redacted } from "effect"
import { TenantManager } from "../../src/TenantManager.js"
import { makeCollector, shown } from "../support/collector.js"
import { API_KEY, clients, list, listOver, optionsFor, thrownBy } from "./support/clients.js"
import { test } from "../support/live.js"
import { answer, type Handler, refusedUrl, serve } from "./support/server.js"

const SPELLINGS = [API_KEY, encodeURIComponent(API_KEY), API_KEY.replaceAll("/", "\\/"), "MARKED"]

const assertClean = (text: string, where: string) => {
  for (const spelling of SPELLINGS) assert.notInclude(text, spelling, where)
}

const assertShowsNoKey = (value: unknown, where: string) =>
  assertClean(shown(value, Infinity), where)

/** Runs an effect, and checks its exit, its spans and its log lines. */
const observed = <A, E, R>(effect: Effect.Effect<A, E, R>, where: string) =>
  Effect.gen(function* () {
    const { observed: collected, spans, texts } = yield* makeCollector
    const exit = yield* effect.pipe(
      Effect.tapErrorCause((cause) => Effect.logError("failed", cause)),
      Effect.exit,
      collected
    )
    assertShowsNoKey(exit, where)
    for (const span of spans) {
      assertShowsNoKey(span, `${where}: span`)
      assertShowsNoKey([...span.attributes], `${where}: attributes`)
    }
    for (const line of texts) assertClean(line, `${where}: log`)
    if (Exit.isFailure(exit)) {
      assertClean(Cause.pretty(exit.cause, { renderErrorCause: true }), `${where}: pretty`)
      assertShowsNoKey(Cause.squash(exit.cause), where)
    }
    return { exit, spans, lines: texts }
  })

/** Repeats the key in every part of an answer. */
const echo =
  (status: number, body: string): Handler =>
  (request, response) => {
    const key = String(request.headers["x-api-key"])
    const headers = { "x-echo": key, "set-cookie": `key=${key}`, location: `/?key=${key}` }
    answer(status, body.replaceAll("KEY", key), { ...headers, "retry-after": key })(
      request,
      response
    )
  }

const answers: ReadonlyArray<readonly [status: number, body: string]> = [
  [200, '{"error":"KEY"}'],
  [200, "no JSON: KEY"],
  [200, `${"x".repeat(505)}KEY`],
  [200, '["KEY", {"id": "KEY"}, {"id": "a", "KEY": "KEY", "status": "KEY"}]'],
  [204, ""],
  [403, '{"code":"TS-SUSPENDED","status":"KEY","error":"KEY"}'],
  ...[302, 400, 401, 403, 404, 429, 500, 503].map((status) => [status, "KEY"] as const)
]

for (const [name, over] of clients) {
  describe(`over ${name}`, () => {
    over("an echoed key reaches no error, span or log", function* () {
      for (const [status, body] of answers) {
        const where = `${status} ${body.slice(0, 30)}`
        const server = yield* serve(echo(status, body))
        const { exit, lines, spans } = yield* observed(list(server.url), where)
        assert.strictEqual(server.requests[0]?.headers["x-api-key"], API_KEY, where)
        assert.strictEqual(spans.length, 1, where)
        assert.strictEqual(lines.length > 0, Exit.isFailure(exit), where)
      }
    })

    over("a failed connection shows no key", function* () {
      const cut = yield* serve((_request, response) => {
        response.writeHead(200)
        response.write("[", () => response.destroy())
      })
      const hanging = yield* serve(() => {})
      for (const url of [yield* refusedUrl, cut.url, hanging.url]) {
        const { exit } = yield* observed(list(url, { timeout: "200 millis" }), url)
        assert(Exit.isFailure(exit))
      }
    })

    over("makes one span a call, a child of the caller's, and sends its IDs", function* () {
      const server = yield* serve(answer(200, '[{"id":"a"}]'))
      const { spans } = yield* observed(
        list(`${server.url}/base`).pipe(Effect.withSpan("caller")),
        "span"
      )
      assert.deepStrictEqual(
        spans.map((span) => span.name),
        ["caller", "tenantmanager.client.get_active_tenants"]
      )
      const [caller, span] = spans
      assert(caller !== undefined && span !== undefined)
      assert.strictEqual(span.kind, "client")
      assert.strictEqual(
        server.requests[0]?.headers["traceparent"],
        `00-${caller.traceId}-${span.spanId}-01`
      )
      assert.deepStrictEqual(Object.fromEntries(span.attributes), {
        service: "ledger",
        "http.request.method": "GET",
        "server.address": "127.0.0.1",
        "server.port": Number(new URL(server.url).port),
        "url.path": "/base/v1/tenants/active",
        "http.response.status_code": 200
      })
    })

    over("sends no trace context when tracing is off", function* () {
      const server = yield* serve(answer(200, "[]"))
      yield* list(server.url).pipe(Effect.withTracerEnabled(false))
      assert.strictEqual(server.requests[0]?.headers["traceparent"], undefined)
    })
  })
}

test("the service shows no key", function* () {
  const client = HttpClient.make(() => Effect.never)
  const make = TenantManager.make(optionsFor("http://tm.test"))
  const manager = yield* Effect.provideService(make, HttpClient.HttpClient, client)
  assertShowsNoKey(manager, "service")
  assertShowsNoKey(manager.listActiveTenants, "effect")
})

test("drops the message and the cause of a client that fails with the key in them", function* () {
  const client = HttpClient.make((request) =>
    Effect.fail(
      new HttpClientError.RequestError({
        request,
        reason: "Transport",
        description: `could not send ${API_KEY}`,
        cause: new Error(`bad header ${API_KEY}`, {
          cause: Object.assign(new Error(API_KEY), { name: API_KEY, code: "ECONNRESET" })
        })
      })
    )
  )
  const error = yield* Effect.flip(listOver(client))
  assert(error._tag === "TenantManagerUnavailable")
  assert.include(error.cause, { code: "ECONNRESET" })
  assertShowsNoKey(error, "error")
})

it("throws for a key that cannot be sent and for a URL with credentials, without showing them", () => {
  for (const options of [
    optionsFor("http://tm.test", { apiKey: Redacted.make(`${API_KEY}\u0000`) }),
    optionsFor("http://tm.test", { apiKey: Redacted.make("") }),
    optionsFor(`http://user:${encodeURIComponent(API_KEY)}@tm.test`),
    optionsFor(API_KEY),
    optionsFor("ftp://tm.test")
  ]) {
    const error = thrownBy(() => TenantManager.make(options))
    assert.match(String(error), /^RangeError: TenantManager: option "(apiKey|url)": expected/)
    assertShowsNoKey(error, "error")
  }
})

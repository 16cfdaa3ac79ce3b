/** The small parts: `Retry-After`, excerpts, addresses, time. */
import { HttpClient, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, FastCheck, Fiber, Stream, TestClock } from "effect"
import { normalizePrefix } from "../../src/internal/http/address.js"
import { parseRetryAfter } from "../../src/internal/http/retryAfter.js"
import { excerptOf, redact, transportCause } from "../../src/internal/http/sanitize.js"
import { tenantManagerDefaults, type TenantManagerOptions } from "../../src/TenantManager.js"
import { list } from "./support/clients.js"

describe("Retry-After", () => {
  const now = Date.UTC(2026, 2, 25, 10, 0, 0)
  const cap = Duration.minutes(1)
  for (const [header, expected] of [
    ["0", 0],
    ["7", 7],
    [" 7 ", 7],
    ["60", 60],
    ["61", 60],
    ["99999999999999999999999999", 60],
    ["Wed, 25 Mar 2026 10:00:30 GMT", 30],
    ["Wednesday, 25-Mar-26 10:00:30 GMT", 30],
    ["Wed, 25 Mar 2026 11:00:00 GMT", 60],
    ["Wed, 25 Mar 2026 09:00:00 GMT", 0]
  ] as const) {
    it(`${header} is ${expected} s`, () => {
      const parsed = parseRetryAfter(header, now, cap)
      assert.strictEqual(parsed === undefined ? undefined : Duration.toSeconds(parsed), expected)
    })
  }
  for (const header of [
    undefined,
    "",
    "soon",
    "-5",
    "1.5",
    "1e3",
    "0x10",
    "2026-03-25",
    "Wed, nonsense"
  ]) {
    it(`${header} is nothing`, () => {
      assert.strictEqual(parseRetryAfter(header, now, cap), undefined)
    })
  }
})

describe("excerpt", () => {
  it("is at most 512 bytes, whole characters, and a prefix where nothing is quoted", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.string({ unit: "grapheme", minLength: 0, maxLength: 2000 }),
        (body) => {
          const cut = excerptOf(body, "no such secret")()
          assert.isAtMost(new TextEncoder().encode(cut).length, 512)
          assert.notInclude(cut, "\uFFFD")
          if (!body.includes('"')) assert.isTrue(body.startsWith(cut))
        }
      )
    )
    assert.strictEqual(excerptOf("x".repeat(600), "s")().length, 512)
    assert.strictEqual(excerptOf("é".repeat(600), "s")().length, 256)
  })

  it("shows the shape of a body and none of its texts", () => {
    const shapes: ReadonlyArray<readonly [string, string]> = [
      ['{"a":"b","c" : "d\\"e","f":[1,"g"]}', '{"a":"...","c" : "...","f":[1,"..."]}'],
      ['{"password":"secr', '{"password":"..."'],
      ['{"pass', '{"..."'],
      ["<html>not here</html>", "<html>not here</html>"]
    ]
    for (const [body, shown] of shapes)
      assert.strictEqual(excerptOf(body, "no such secret")(), shown)
  })

  it("holds no secret, whole or cut, wherever in the body it stands", () => {
    const secret = "abcdefghijklmnopqrstuvwxyz0123456789"
    for (let before = 0; before < 600; before++) {
      const cut = excerptOf(`${".".repeat(before)}${secret}${".".repeat(600)}`, secret)()
      assert.notInclude(cut, secret.slice(0, 8))
    }
    for (const count of [1, 10, 100, 1000]) {
      assert.notInclude(excerptOf(`[${secret.repeat(count)}`, secret)(), "abc")
    }
  })

  it("knows the spellings of a secret in JSON and in a URL", () => {
    const secret = 'a"b/c d'
    for (const text of [secret, JSON.stringify(secret), encodeURIComponent(secret)]) {
      assert.match(redact(text, secret), /^"?<redacted>"?$/)
    }
  })
})

describe("transportCause", () => {
  it("finds the code below, and nothing that is no code", () => {
    const reset = Object.assign(new Error("read"), { code: "ECONNRESET" })
    assert.deepStrictEqual(transportCause(new TypeError("x", { cause: reset })), {
      name: "Error",
      code: "ECONNRESET"
    })
    assert.deepStrictEqual(transportCause({ name: "has space", code: "has space" }), {
      name: "Error",
      code: undefined
    })
    const loop: { cause?: unknown } = {}
    loop.cause = loop
    for (const odd of [undefined, null, "text", 7, loop]) {
      assert.strictEqual(transportCause(odd).code, undefined)
    }
  })
})

describe("addresses", () => {
  it("normalises the prefix's slashes", () => {
    for (const [input, expected] of [
      ["/v1", "/v1"],
      ["v1", "/v1"],
      ["v1/", "/v1"],
      ["//api//v1//", "/api/v1"],
      ["", ""],
      [" / ", ""]
    ] as const) {
      assert.strictEqual(normalizePrefix(input), expected)
    }
  })

  const requested = (url: string | URL, options: Partial<TenantManagerOptions> = {}) =>
    Effect.gen(function* () {
      let seen = ""
      const client = HttpClient.make((request, sent) => {
        seen = sent.href
        return Effect.succeed(HttpClientResponse.fromWeb(request, new Response("[]")))
      })
      yield* Effect.provideService(list(url, options), HttpClient.HttpClient, client)
      return seen
    })

  it.effect("keeps the base's path, whatever its slashes", () =>
    Effect.gen(function* () {
      const query = "tenants/active?service=ledger"
      for (const [url, apiPrefix, expected] of [
        ["http://tm.test", undefined, `http://tm.test/v1/${query}`],
        ["http://tm.test/", "/v1", `http://tm.test/v1/${query}`],
        ["http://tm.test/", "", `http://tm.test/${query}`],
        ["https://tm.test:8443/internal", "v2/", `https://tm.test:8443/internal/v2/${query}`],
        ["http://tm.test/a%20b//", "", `http://tm.test/a%20b/${query}`],
        [new URL("http://[::1]:80/x"), undefined, `http://[::1]/x/v1/${query}`]
      ] as const) {
        assert.strictEqual(yield* requested(url, { apiPrefix }), expected)
      }
    })
  )
})

it.effect("a client that fails on a status itself gives the same errors", () =>
  Effect.gen(function* () {
    for (const [status, tag] of [
      [401, "TenantManagerUnauthorized"],
      [404, "TenantManagerNotFound"],
      [503, "TenantManagerUnavailable"]
    ] as const) {
      const client = HttpClient.make((request) =>
        Effect.succeed(HttpClientResponse.fromWeb(request, new Response("{}", { status })))
      ).pipe(HttpClient.filterStatusOk)
      const error = yield* Effect.flip(list("http://tm.test")).pipe(
        Effect.provideService(HttpClient.HttpClient, client)
      )
      assert.strictEqual(error._tag, tag)
    }
  })
)

describe("time", () => {
  const over = (body: Effect.Effect<Response>) =>
    HttpClient.make((request) =>
      Effect.map(body, (response) => HttpClientResponse.fromWeb(request, response))
    )

  it.effect("the default timeout is for the whole call, and the error says so", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const client = over(Effect.zipRight(Deferred.succeed(started, undefined), Effect.never))
      const fiber = yield* list("http://tm.test").pipe(
        Effect.provideService(HttpClient.HttpClient, client),
        Effect.flip,
        Effect.fork
      )
      yield* Deferred.await(started)
      yield* TestClock.adjust(Duration.subtract(tenantManagerDefaults.timeout, "1 millis"))
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust("1 millis")
      const error = yield* Fiber.join(fiber)
      assert(error._tag === "TenantManagerTimedOut")
      assert.include(error.message, "30s")
    })
  )

  it.effect("a 401 whose body never ends is still a 401", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const body = Stream.toReadableStream(
        Stream.concat(Stream.make(new Uint8Array(1)), Stream.never)
      )
      const client = over(
        Effect.zipRight(
          Deferred.succeed(started, undefined),
          Effect.succeed(new Response(body, { status: 401 }))
        )
      )
      const fiber = yield* list("http://tm.test").pipe(
        Effect.provideService(HttpClient.HttpClient, client),
        Effect.flip,
        Effect.fork
      )
      yield* Deferred.await(started)
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "TenantManagerUnauthorized")
    })
  )
})

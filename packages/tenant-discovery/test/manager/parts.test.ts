/** `Retry-After`, excerpts, addresses. */
import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, FastCheck, Fiber, Stream, TestClock } from "effect"
import { parseRetryAfter } from "../../src/internal/http/statusError.js"
import { excerptOf, transportCause } from "../../src/internal/http/sanitize.js"
import type { TenantManagerOptions } from "../../src/TenantManager.js"
import { clientOf, listOver } from "./support/clients.js"
import { test } from "../support/live.js"

describe("Retry-After", () => {
  const now = Date.UTC(2026, 2, 25, 10, 0, 0)
  it("is a count of seconds, or a date that is 0 in the past; anything else is ignored", () => {
    for (const [header, expected] of [
      ["0", 0],
      [" 7 ", 7],
      ["61", 61],
      ["99999999999999999999999999", 1e26],
      ["Wed, 25 Mar 2026 10:00:30 GMT", 30],
      ["Wednesday, 25-Mar-26 10:00:30 GMT", 30],
      ["Wed, 25 Mar 2026 11:00:00 GMT", 3600],
      ["Wed, 25 Mar 2026 09:00:00 GMT", 0]
    ] as const) {
      assert.strictEqual(parseRetryAfter(header, now), expected * 1000, header)
    }
    const others = ["", "soon", "-5", "1.5", "1e3", "0x10", "2026-03-25", "Wed, nonsense"]
    for (const header of [undefined, ...others]) {
      assert.strictEqual(parseRetryAfter(header, now), undefined, header)
    }
  })
})

describe("excerpt", () => {
  it("is a prefix of at most 512 bytes and whole characters where nothing is quoted", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.string({ unit: "grapheme", minLength: 0, maxLength: 2000 }),
        (body) => {
          const cut = excerptOf(body, "no such secret")
          assert.isAtMost(new TextEncoder().encode(cut).length, 512)
          assert.notInclude(cut, "\uFFFD")
          if (!body.includes('"')) assert.isTrue(body.startsWith(cut))
        }
      )
    )
    assert.strictEqual(excerptOf("x".repeat(600), "s").length, 512)
    assert.strictEqual(excerptOf("é".repeat(600), "s").length, 256)
  })

  it("shows the shape of a body and none of its strings", () => {
    const shapes: ReadonlyArray<readonly [string, string]> = [
      ['{"a":"b","c" : "d\\"e","f":[1,"g"]}', '{"a":"...","c" : "...","f":[1,"..."]}'],
      ['{"password":"secr', '{"password":"..."'],
      ['{"pass', '{"..."'],
      ["<html>not here</html>", "<html>not here</html>"]
    ]
    for (const [body, shown] of shapes) assert.strictEqual(excerptOf(body, "no such secret"), shown)
  })

  it("is empty where a secret is in it, in any spelling and at any position", () => {
    const secret = 'abcdefghijklmnopqrstuvwxyz"/ 0123456789'
    for (const spelling of [secret, JSON.stringify(secret), encodeURIComponent(secret)]) {
      for (let before = 0; before < 512; before++) {
        assert.strictEqual(excerptOf(`${".".repeat(before)}${spelling}`, secret), "")
      }
      assert.strictEqual(excerptOf(`${".".repeat(600)}${spelling}`, secret), ".".repeat(512))
    }
  })
})

describe("transportCause", () => {
  it("finds the code in the chain of causes, and accepts nothing else as a code", () => {
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
  const requested = (url: string | URL, options: Partial<TenantManagerOptions> = {}) =>
    Effect.gen(function* () {
      let seen = ""
      const client = clientOf(({ href }) => {
        seen = href
        return Effect.succeed(new Response("[]"))
      })
      yield* listOver(client, url, options)
      return seen
    })

  test("keep the path of the base URL, and do without slashes around the prefix", function* () {
    const query = "tenants/active?service=ledger"
    for (const [url, apiPrefix, expected] of [
      ["http://tm.test", undefined, `http://tm.test/v1/${query}`],
      ["http://tm.test/", "/v1", `http://tm.test/v1/${query}`],
      ["http://tm.test/", "", `http://tm.test/${query}`],
      ["http://tm.test/", " / ", `http://tm.test/${query}`],
      ["http://tm.test/", "v1", `http://tm.test/v1/${query}`],
      ["http://tm.test/", "//api/v1//", `http://tm.test/api/v1/${query}`],
      ["https://tm.test:8443/internal", "v2/", `https://tm.test:8443/internal/v2/${query}`],
      ["http://tm.test/a%20b//", "", `http://tm.test/a%20b/${query}`],
      [new URL("http://[::1]:80/x"), undefined, `http://[::1]/x/v1/${query}`]
    ] as const) {
      assert.strictEqual(yield* requested(url, { apiPrefix }), expected)
    }
  })
})

test("maps statuses of a client that fails on them itself", function* () {
  for (const [status, tag] of [
    [401, "TenantManagerUnauthorized"],
    [404, "TenantManagerNotFound"],
    [503, "TenantManagerUnavailable"]
  ] as const) {
    const client = clientOf(() => Effect.succeed(new Response("{}", { status })))
    const error = yield* Effect.flip(listOver(HttpClient.filterStatusOk(client)))
    assert.strictEqual(error._tag, tag)
  }
})

test("reports a 401 whose body never ends", function* () {
  const sent = yield* Deferred.make<void>()
  const body = Stream.concat(Stream.make(new Uint8Array(1)), Stream.never)
  const response = () => new Response(Stream.toReadableStream(body), { status: 401 })
  const client = clientOf(() => Effect.map(Deferred.succeed(sent, undefined), response))
  const fiber = yield* Effect.fork(Effect.flip(listOver(client)))
  yield* Deferred.await(sent)
  yield* TestClock.adjust("1 seconds")
  assert.strictEqual((yield* Fiber.join(fiber))._tag, "TenantManagerUnauthorized")
})

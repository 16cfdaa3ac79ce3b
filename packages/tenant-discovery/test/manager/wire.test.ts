/**
 * The contract's table, over real HTTP, on each of the platform's clients.
 */
import { gzipSync } from "node:zlib"
import { assert, describe } from "@effect/vitest"
import { Duration, Effect, Redacted } from "effect"
import { answer, type Handler, refusedUrl, serve } from "./support/server.js"
import { TenantManager } from "../../src/TenantManager.js"
import { retryAfter } from "../../src/TenantManagerError.js"
import { API_KEY, clients, list, optionsFor } from "./support/clients.js"
import { until } from "../support/live.js"

const UUID = "0193E8F0-C4B8-7C4A-9F3B-2F6F0C1D2E3F"
const LIST = JSON.stringify([
  { id: UUID, name: "Acme Corp", status: "active" },
  { id: "org_01KH", tenantSlug: "globex", status: "active" },
  { id: "tenant-3" }
])

for (const [name, over] of clients) {
  describe(`over ${name}`, () => {
    over("lists JSON of any content type, with the contract's headers and path", function* () {
      const server = yield* serve(answer(200, LIST, { "content-type": "text/plain" }))
      const listing = yield* list(`${server.url}/internal/`, { service: "a&b=/é" })
      assert.deepStrictEqual(
        listing.tenants.map(({ id, name }) => [id, name]),
        [
          ["0193e8f0c4b87c4a9f3b2f6f0c1d2e3f", "Acme Corp"],
          ["org_01KH", undefined],
          ["tenant-3", undefined]
        ]
      )
      const [request] = server.requests
      assert.strictEqual(request?.method, "GET")
      const url = new URL(request?.url ?? "", server.url)
      assert.strictEqual(url.pathname, "/internal/v1/tenants/active")
      assert.strictEqual(url.search.includes("&"), false)
      assert.strictEqual(url.searchParams.get("service"), "a&b=/é")
      assert.strictEqual(request?.headers["x-api-key"], API_KEY)
      assert.strictEqual(request?.headers.accept, "application/json")
      assert.strictEqual(request?.headers["accept-encoding"], "identity")
      assert.match(String(request?.headers["traceparent"]), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    })

    over("maps each row of the table", function* () {
      const suspended = (status: string) =>
        JSON.stringify({ code: "TS-SUSPENDED", error: "no", status })
      const rows: ReadonlyArray<
        readonly [status: number, body: string, tag: string, fields?: object]
      > = [
        [404, "{}", "TenantManagerNotFound"],
        [403, suspended("suspended"), "TenantManagerSuspended", { status: "suspended" }],
        [403, suspended("purged"), "TenantManagerSuspended", { status: "purged" }],
        [403, '{"code":"TS-SUSPENDED"}', "TenantManagerSuspended", { status: "suspended" }],
        [403, '{"code":"X","status":"purged"}', "TenantManagerSuspended", { status: "purged" }],
        [403, '{"status":"suspended"}', "TenantManagerSuspended", { status: "suspended" }],
        [403, '{"code":"OTHER","status":"active"}', "TenantManagerAccessDenied"],
        [403, "no json", "TenantManagerAccessDenied"],
        [403, "", "TenantManagerAccessDenied"],
        [403, `"${"x".repeat(100_000)}"`, "TenantManagerAccessDenied"],
        [401, "{}", "TenantManagerUnauthorized"],
        [400, "{}", "TenantManagerRejected", { status: 400 }],
        [410, "", "TenantManagerRejected", { status: 410 }],
        [304, "", "TenantManagerRejected", { status: 304 }],
        [500, "oops", "TenantManagerUnavailable", { status: 500 }],
        [500, "x".repeat(200_000), "TenantManagerUnavailable", { status: 500 }],
        [502, "", "TenantManagerUnavailable", { status: 502 }],
        [200, "{}", "TenantManagerMalformedBody"],
        [200, "", "TenantManagerMalformedBody"],
        [200, "<html>", "TenantManagerMalformedBody"],
        [200, LIST.slice(0, -5), "TenantManagerMalformedBody"],
        [204, "", "TenantManagerMalformedBody"],
        [202, "[]", "TenantManagerMalformedBody"]
      ]
      for (const [status, body, tag, fields] of rows) {
        const server = yield* serve(answer(status, body))
        const error = yield* Effect.flip(list(server.url))
        assert.strictEqual(error._tag, tag, `${status} ${body.slice(0, 40)}`)
        assert.strictEqual(error.operation, "GET /v1/tenants/active")
        for (const [field, expected] of Object.entries(fields ?? {})) {
          assert.strictEqual(Reflect.get(error, field), expected)
        }
      }
    })

    over("reports a Retry-After, and when it is capped both waits", function* () {
      for (const [status, tag] of [
        [429, "TenantManagerRejected"],
        [503, "TenantManagerUnavailable"]
      ] as const) {
        const server = yield* serve(answer(status, "", { "retry-after": "7" }))
        const error = yield* Effect.flip(list(server.url))
        assert.strictEqual(error._tag, tag)
        assert.deepStrictEqual(retryAfter(error), Duration.seconds(7))
      }
      const server = yield* serve(answer(503, "", { "retry-after": "86400" }))
      const error = yield* Effect.flip(list(server.url, { maxRetryAfter: "5 seconds" }))
      assert.deepStrictEqual(retryAfter(error), Duration.seconds(5))
      assert.include(error.message, "asks to wait 1d, capped at 5s")
    })

    over(
      "reports a refused connection and a reset before the answer as unavailable, with the code",
      function* () {
        const refused = yield* Effect.flip(list(yield* refusedUrl))
        assert(refused._tag === "TenantManagerUnavailable")
        assert.strictEqual(refused.status, undefined)
        assert.include(refused.cause, { code: "ECONNREFUSED" })
        const server = yield* serve((request) => request.socket.resetAndDestroy())
        const reset = yield* Effect.flip(list(server.url))
        assert.strictEqual(reset._tag, "TenantManagerUnavailable")
      }
    )

    over("reports a reset in the middle of the body as unavailable, chunked or not", function* () {
      for (const headers of [{}, { "content-length": "1000" }]) {
        for (const body of ["[", "[]"]) {
          const server = yield* serve((_request, response) => {
            response.writeHead(200, headers)
            response.write(body, () => response.destroy())
          })
          const error = yield* Effect.flip(list(server.url))
          assert.strictEqual(error._tag, "TenantManagerUnavailable", body)
        }
      }
    })

    over("times out on a body that arrives a byte at a time", function* () {
      const server = yield* serve((_request, response) => {
        response.writeHead(200)
        const timer = setInterval(() => response.write(" "), 10)
        response.on("close", () => clearInterval(timer))
      })
      const error = yield* Effect.flip(list(server.url, { timeout: "200 millis" }))
      assert(error._tag === "TenantManagerTimedOut")
      assert.deepStrictEqual(error.timeout, Duration.millis(200))
      yield* until(() => server.connections().open === 0)
    })

    over("stops reading at the limit, and closes the connection", function* () {
      let written = 0
      const server = yield* serve((_request, response) => {
        const piece = Buffer.alloc(64 * 1024, 32)
        const more = () => {
          while (!response.destroyed && written < 100 * 1024 * 1024) {
            written += piece.length
            if (!response.write(piece)) return void response.once("drain", more)
          }
          response.end()
        }
        more()
      })
      const error = yield* Effect.flip(list(server.url, { listBodyLimit: 1024 * 1024 }))
      assert(error._tag === "TenantManagerBodyTooLarge")
      assert.strictEqual(error.limit, 1024 * 1024)
      yield* until(() => server.connections().open === 0)
      assert.isBelow(written, 50 * 1024 * 1024)
    })

    over("does not read a body whose announced length is above the limit", function* () {
      const server = yield* serve((_request, response) => {
        response.writeHead(200, { "content-length": "2000" })
        response.write("[")
      })
      const error = yield* Effect.flip(list(server.url, { listBodyLimit: 1999 }))
      assert.strictEqual(error._tag, "TenantManagerBodyTooLarge")
      yield* until(() => server.connections().open === 0)
    })

    over("follows no redirect", function* () {
      const other = yield* serve(answer(200, LIST))
      for (const status of [301, 302, 303, 307, 308]) {
        const server = yield* serve(answer(status, "", { location: `${other.url}/elsewhere` }))
        const error = yield* Effect.flip(list(server.url))
        assert(error._tag === "TenantManagerRejected")
        assert.strictEqual(error.status, status)
      }
      assert.strictEqual(other.requests.length, 0)
    })

    over("aborts the request when interrupted", function* () {
      const server = yield* serve(() => {})
      const fiber = yield* Effect.fork(list(server.url))
      yield* until(() => server.requests.length === 1)
      yield* fiber.interruptAsFork(fiber.id())
      yield* until(() => server.connections().open === 0)
    })

    over(
      "limits a body that is compressed in spite of the request, or names its coding",
      function* () {
        const send =
          (body: string): Handler =>
          (_request, response) => {
            const packed = gzipSync(body)
            response.writeHead(200, {
              "content-encoding": "gzip",
              "content-length": String(packed.length)
            })
            response.end(packed)
          }
        const server = yield* serve(send(LIST))
        // `fetch` decodes by itself, the other clients do not.
        if (name === "fetch") {
          assert.strictEqual((yield* list(server.url)).tenants.length, 3)
          const bomb = yield* serve(send(" ".repeat(8 * 1024 * 1024)))
          const error = yield* Effect.flip(list(bomb.url, { listBodyLimit: 1024 * 1024 }))
          assert.strictEqual(error._tag, "TenantManagerBodyTooLarge")
        } else {
          const error = yield* Effect.flip(list(server.url))
          assert.strictEqual(error._tag, "TenantManagerMalformedBody")
          assert.include(error.message, "content-encoding is gzip")
        }
      }
    )

    over("runs an API key's effect at each call, and fails when it fails", function* () {
      const server = yield* serve(answer(200, "[]"))
      const keys = ["key-1", "key-2\n", "bad\nkey"]
      const missing = Object.assign(new Error("secret words"), { code: "ENOENT" })
      const manager = yield* TenantManager.make(
        optionsFor(server.url, {
          apiKey: Effect.suspend(() => {
            const key = keys.shift()
            return key === undefined ? Effect.fail(missing) : Effect.succeed(Redacted.make(key))
          })
        })
      )
      yield* manager.listActiveTenants
      yield* manager.listActiveTenants
      assert.deepStrictEqual(
        server.requests.map(({ headers }) => headers["x-api-key"]),
        ["key-1", "key-2"]
      )
      for (const reason of ["the API key cannot be used: expected a key", "ENOENT"]) {
        const error = yield* Effect.flip(manager.listActiveTenants)
        assert.strictEqual(error._tag, "TenantManagerUnavailable")
        assert.include(error.message, reason)
        assert.notInclude(error.message, "secret words")
      }
      assert.strictEqual(server.requests.length, 2)
    })

    if (name !== "node:http") {
      over("reuses its connection after every kind of answer", function* () {
        let count = 0
        const server = yield* serve((request, response) => {
          const status = [200, 404, 500, 403, 401][count++ % 5] ?? 200
          answer(status, status === 200 ? LIST : "{}")(request, response)
        })
        for (let call = 0; call < 30; call++) yield* Effect.exit(list(server.url))
        assert.strictEqual(server.requests.length, 30)
        // Undici's pool may open a second one while it closes the first.
        assert.isAtMost(server.connections().opened, 2)
      })
    }
  })
}

import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestTenantDiscovery } from "tenant-discovery/testing"
import { ask, bearer, idsOf, send, served, TOKEN, token } from "./support/http.js"

const named = served({}, [{ id: "acme", name: "Acme Corp" }, "globex", "initech"])

describe("the probes", () => {
  it.scopedLive("answers /livez and /readyz", () =>
    Effect.gen(function* () {
      expect(yield* ask("/livez")).toMatchObject({ status: 200, json: { status: "up" } })
      const { json, status } = yield* ask("/readyz")
      expect(status).toBe(200)
      expect(json).toMatchObject({
        status: "up",
        checks: { redis: { status: "up" }, view: { status: "up" }, workers: { status: "skipped" } }
      })
    }).pipe(Effect.provide(served()))
  )

  it.scopedLive("is ready while degraded, and not with a view that is too old", () =>
    Effect.gen(function* () {
      const tenants = yield* TestTenantDiscovery
      yield* tenants.setStatus("BootstrapOnly")
      expect(yield* ask("/readyz")).toMatchObject({ status: 200 })
      yield* tenants.setAge("6 minutes")
      expect(yield* ask("/readyz")).toMatchObject({ status: 503, json: { status: "down" } })
      expect(yield* ask("/livez")).toMatchObject({ status: 200 })
    }).pipe(Effect.provide(served()))
  )

  it.scopedLive("answers for one tenant in any spelling of its ID", () =>
    Effect.gen(function* () {
      const id = "0193e8f0c4b87c4a9f3b2f6f0c1d2e3f"
      expect(yield* ask("/readyz?tenant=0193E8F0-C4B8-7C4A-9F3B-2F6F0C1D2E3F")).toMatchObject({
        status: 200,
        json: { status: "up", tenant: id }
      })
      expect(yield* ask("/readyz?tenant=hooli")).toMatchObject({
        status: 404,
        json: { status: 404, title: "Not Found", detail: "tenant hooli is not active" }
      })
      expect(yield* ask("/readyz?tenant=%2e")).toMatchObject({ status: 400 })
    }).pipe(Effect.provide(served({}, ["0193E8F0-C4B8-7C4A-9F3B-2F6F0C1D2E3F"])))
  )
})

describe("/tenants", () => {
  it.scopedLive("pages in the order of the IDs", () =>
    Effect.gen(function* () {
      const first = yield* ask("/tenants?limit=2")
      expect(first.json).toEqual({
        tenants: [
          { id: "acme", name: "Acme Corp", owner: null, owned: true },
          { id: "globex", name: null, owner: null, owned: true }
        ],
        total: 3,
        next: "globex"
      })
      const rest = yield* ask("/tenants?limit=2&after=globex")
      expect(idsOf(rest.json)).toEqual(["initech"])
      expect(rest.json).toMatchObject({ total: 3, next: null })
    }).pipe(Effect.provide(named))
  )

  it.scopedLive("finds by ID and by name, in any case", () =>
    Effect.gen(function* () {
      expect(idsOf((yield* ask("/tenants?q=CORP")).json)).toEqual(["acme"])
      expect(idsOf((yield* ask("/tenants?q=Glob")).json)).toEqual(["globex"])
      expect((yield* ask("/tenants?q=hooli")).json).toEqual({ tenants: [], total: 0, next: null })
    }).pipe(Effect.provide(named))
  )

  it.scopedLive.each(["limit=0", "limit=1001", "limit=x", "limit=1&limit=2", "after=%20"])(
    "says what is wrong with ?%s",
    (query) =>
      Effect.gen(function* () {
        const { headers, json, status } = yield* ask(`/tenants?${query}`)
        expect(status).toBe(400)
        expect(headers["content-type"]).toBe("application/problem+json")
        expect(json).toMatchObject({
          type: "about:blank",
          title: "Bad Request",
          status: 400,
          detail: expect.stringMatching(/^(?:limit|after): expected .+/i)
        })
      }).pipe(Effect.provide(named))
  )

  it.scopedLive("reports on one tenant, also after it has left", () =>
    Effect.gen(function* () {
      const tenants = yield* TestTenantDiscovery
      expect((yield* ask("/tenants/acme")).json).toMatchObject({
        id: "acme",
        name: "Acme Corp",
        active: true,
        owner: null,
        ownedByThisReplica: true,
        connections: null,
        pools: [],
        workers: {}
      })
      yield* tenants.remove("acme", "tenant.service.suspended")
      expect((yield* ask("/tenants/acme")).json).toMatchObject({
        active: false,
        lastChange: { _tag: "Removed", cause: { eventType: "tenant.service.suspended" } }
      })
      expect(yield* ask("/tenants/hooli")).toMatchObject({ status: 404, json: { status: 404 } })
      expect(yield* ask("/tenants/_acme")).toMatchObject({ status: 400 })
    }).pipe(Effect.provide(named))
  )
})

describe("every answer", () => {
  const paths = [
    "/livez",
    "/tenants",
    "/hooli",
    "/tenants/%zz",
    "/tenants?limit=0",
    "/",
    "/page.js"
  ]

  it.scopedLive("has the security headers", () =>
    Effect.gen(function* () {
      for (const path of paths) {
        const { headers } = yield* Effect.scoped(send(path))
        expect(headers["content-security-policy"], path).toContain("default-src 'none'")
        expect(headers, path).toMatchObject({
          "x-content-type-options": "nosniff",
          "referrer-policy": "no-referrer",
          "cache-control": "no-store"
        })
      }
    }).pipe(Effect.provide(named))
  )

  it.scopedLive("refuses other methods and large bodies", () =>
    Effect.gen(function* () {
      const headers = bearer(TOKEN)
      const deleted = yield* ask("/tenants", { method: "DELETE", headers })
      expect(deleted).toMatchObject({ status: 405, headers: { allow: "GET, HEAD" } })
      expect(yield* ask("/tenants", { method: "HEAD", headers })).toMatchObject({ status: 200 })
      expect(yield* ask("/refresh", { headers })).toMatchObject({
        status: 405,
        headers: { allow: "POST" }
      })
      const large = { method: "POST", headers, body: "x".repeat(2000) } as const
      expect(yield* ask("/refresh", large)).toMatchObject({ status: 413 })
    }).pipe(Effect.provide(served({ token })))
  )
})

describe("the token", () => {
  const open = ["/livez", "/readyz", "/", "/page.css", "/page.js"]
  const closed = ["/tenants", "/tenants/acme", "/status", "/events", "/metrics", "/members", "/x"]

  it.scopedLive("is needed for all but the probes and the page", () =>
    Effect.gen(function* () {
      for (const path of open) expect((yield* Effect.scoped(send(path))).status, path).toBe(200)
      for (const path of closed) {
        const refused = yield* ask(path)
        expect(refused, path).toMatchObject({
          status: 401,
          headers: { "www-authenticate": "Bearer" }
        })
        for (const wrong of ["", `${TOKEN}x`, TOKEN.slice(1), `${TOKEN} x`]) {
          expect((yield* ask(path, { headers: bearer(wrong) })).status, path).toBe(401)
        }
      }
      expect(yield* ask("/tenants", { headers: bearer(TOKEN) })).toMatchObject({ status: 200 })
    }).pipe(Effect.provide(served({ token })))
  )

  it.scopedLive("is what /refresh needs on every host", () =>
    Effect.gen(function* () {
      expect(yield* ask("/refresh", { method: "POST" })).toMatchObject({ status: 404 })
    }).pipe(Effect.provide(served()))
  )

  it.scopedLive("is missing: another name of this machine than a loopback one is refused", () =>
    Effect.gen(function* () {
      const named = (host: string, path = "/tenants") => ask(path, { headers: { host } })
      for (const host of ["evil.example", "evil.example:9464", "10.0.0.1:9464", "[::2]:80"]) {
        expect(yield* named(host), host).toMatchObject({ status: 403 })
        expect(yield* named(host, "/livez"), host).toMatchObject({ status: 200 })
      }
      for (const host of ["localhost", "localhost:9464", "127.0.0.1:80", "[::1]:9464"]) {
        expect(yield* named(host), host).toMatchObject({ status: 200 })
      }
    }).pipe(Effect.provide(served()))
  )

  it.scopedLive("allows /refresh, which answers with the error of the list", () =>
    Effect.gen(function* () {
      const tenants = yield* TestTenantDiscovery
      const request = { method: "POST", headers: bearer(TOKEN) } as const
      expect(yield* ask("/refresh", request)).toMatchObject({
        status: 200,
        json: { activeTenants: 2 }
      })
      expect(yield* tenants.refreshes).toBe(1)
      yield* tenants.failNextRefresh()
      expect(yield* ask("/refresh", request)).toMatchObject({
        status: 503,
        json: { title: "Service Unavailable", detail: expect.stringContaining("503") }
      })
    }).pipe(Effect.provide(served({ token })))
  )
})

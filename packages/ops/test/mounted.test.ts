import { HttpRouter, HttpServer, HttpServerResponse } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { createServer } from "node:http"
import { TenantHealth } from "tenant-discovery"
import { TestTenantDiscovery } from "tenant-discovery/testing"
import { TenantOps } from "../src/index.js"
import { token } from "./support/http.js"

/** A program's own server, with the endpoints under `/ops`. */
const server = (options?: TenantOps.TenantOpsRoutesOptions) =>
  Effect.gen(function* () {
    const router = HttpRouter.get(HttpRouter.empty, "/hello", HttpServerResponse.text("hello"))
    return HttpServer.serve(HttpRouter.mount(router, "/ops", yield* TenantOps.routes(options)))
  }).pipe(
    Layer.unwrapScoped,
    Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
  )

const get = (path: string) =>
  HttpServer.addressFormattedWith((url) => Effect.promise(() => fetch(`${url}${path}`)))

const read = (response: Response) => Effect.promise(() => response.text())

describe("the routes in a program's own server", () => {
  it.scopedLive("are served beside the program's, each with its own answers to unknown paths", () =>
    Effect.gen(function* () {
      expect(yield* read(yield* get("/hello"))).toBe("hello")
      expect(yield* read(yield* get("/ops/livez"))).toBe('{"status":"up"}')
      const page = yield* get("/ops/")
      expect(page.headers.get("content-security-policy")).toContain("default-src 'none'")
      expect(yield* read(yield* get("/ops/page.js"))).not.toBe("")
      expect((yield* get("/ops/tenants?limit=0")).status).toBe(400)
      expect((yield* get("/ops/nothing")).status).toBe(404)
      expect((yield* get("/nothing")).headers.get("content-security-policy")).toBeNull()
    }).pipe(Effect.provide(Layer.provide(server(), TestTenantDiscovery.layer(["acme"]))))
  )

  it.scopedLive("need the token, and use the health that the program provides", () =>
    Effect.gen(function* () {
      expect((yield* get("/ops/tenants")).status).toBe(401)
      const tenants = yield* TestTenantDiscovery
      yield* tenants.setStatus("BootstrapOnly")
      yield* tenants.setAge("2 seconds")
      expect((yield* get("/ops/readyz")).status).toBe(503)
    }).pipe(
      Effect.provide(
        server({ token }).pipe(
          Layer.provide(TenantHealth.layer({ maxStaleness: "1 second" })),
          Layer.provideMerge(TestTenantDiscovery.layer(["acme"]))
        )
      )
    )
  )
})

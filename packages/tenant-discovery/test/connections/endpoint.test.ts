import { NodeHttpClient } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { inspect } from "node:util"
import { TenantId } from "../../src/Tenant.js"
import { TenantManager, type TenantManagerOptions } from "../../src/TenantManager.js"
import { answer, serve } from "../manager/support/server.js"

const SECRET = "MARKED-s3cr3t"
const acme = TenantId.make("org_Acme-1")

const ask = (url: string, options: Partial<TenantManagerOptions> = {}) =>
  Effect.flatMap(
    TenantManager.make({ service: "ledger", url, apiKey: Redacted.make("key"), ...options }),
    (manager) => manager.getConnections(acme)
  ).pipe(Effect.provide(NodeHttpClient.layerUndici))

describe("GET /connections", () => {
  it.scopedLive("requests the path of the contract with encoded segments", () =>
    Effect.gen(function* () {
      const server = yield* serve(answer(200, `{"id":"cfg-1","tenantName":"Acme"}`))
      const settings = yield* ask(`${server.url}/internal`, { service: "ledger/a&b" })
      expect(settings).toEqual({ id: "cfg-1", tenantName: "Acme" })
      const [request] = server.requests
      expect(request?.url).toBe(
        "/internal/v1/tenants/org_Acme-1/associations/ledger%2Fa%26b/connections"
      )
      expect(request?.headers["x-api-key"]).toBe("key")
    })
  )

  it.scopedLive("a malformed body names the place and shows no value", () =>
    Effect.gen(function* () {
      const server = yield* serve(answer(200, JSON.stringify({ id: "x", databases: SECRET })))
      const error = yield* Effect.flip(ask(server.url))
      expect(error).toMatchObject({ _tag: "TenantManagerMalformedBody", excerpt: undefined })
      expect(error.message).toContain("databases: expected an object")
      expect(inspect(error, { depth: 20 })).not.toContain(SECRET)
      expect(JSON.stringify(error)).not.toContain(SECRET)
    })
  )

  it.scopedLive("reads no more than 10 MiB", () =>
    Effect.gen(function* () {
      const server = yield* serve(
        answer(200, JSON.stringify({ id: "x", tenantName: "n".repeat(10 * 1024 * 1024) }))
      )
      expect(yield* Effect.flip(ask(server.url))).toMatchObject({
        _tag: "TenantManagerBodyTooLarge",
        limit: 10 * 1024 * 1024
      })
    })
  )
})

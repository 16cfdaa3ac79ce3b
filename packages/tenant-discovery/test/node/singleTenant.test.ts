import { describe, expect } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { NodeTenantDiscovery } from "../../src/node.js"
import { type Tenant, TenantId } from "../../src/Tenant.js"
import { refusedUrl } from "../manager/support/server.js"
import { TenantListing } from "../../src/TenantListing.js"
import { build, type Line, networkUseOf } from "./support.js"
import { live } from "../support/live.js"

const tenant = (id: string, name?: string): Tenant => ({ id: TenantId.make(id), name })

const off = { MULTI_TENANT_ENABLED: "off" }

describe("single-tenant mode", () => {
  live("has the tenants of the option, and uses no network", function* () {
    const tenants = [tenant("acme", "Acme"), tenant("globex"), tenant("acme", "again")]
    const lines: Array<Line> = []
    const [, network] = yield* networkUseOf(
      Effect.gen(function* () {
        const { discovery, manager } = yield* build(
          NodeTenantDiscovery.layerConfigWith({ tenants }),
          { ...off, APPLICATION_NAME: "ledger" },
          lines
        )
        expect(yield* discovery.activeTenantIds).toEqual(["acme", "globex"])
        expect(yield* discovery.activeTenants).toEqual(tenants.slice(0, 2))
        expect(yield* discovery.status.get).toMatchObject({
          mode: "SingleTenant",
          tenantCount: 2,
          lastError: undefined
        })
        yield* discovery.refresh
        yield* discovery.requireFresh("1 millis")
        expect(manager.service).toBe("ledger")
        expect(yield* Effect.flip(manager.getConnections(TenantId.make("acme")))).toMatchObject({
          _tag: "TenantManagerNotFound"
        })
        expect(yield* manager.listActiveTenants).toEqual(TenantListing.of(tenants.slice(0, 2)))
      })
    )
    expect(network).toEqual([])
    expect(lines.filter(({ level }) => level !== "DEBUG" && level !== "TRACE")).toEqual([])
  })

  live("has no tenant without the option, with any other variables", function* () {
    const [ids, network] = yield* networkUseOf(
      build(NodeTenantDiscovery.layerConfig, {
        ...off,
        MULTI_TENANT_URL: "http://tm.example?x",
        MULTI_TENANT_REDIS_HOST: "127.0.0.1:1",
        MULTI_TENANT_REDIS_CA_CERT: "!"
      }).pipe(Effect.flatMap(({ discovery }) => discovery.activeTenantIds))
    )
    expect(ids).toEqual([])
    expect(network).toEqual([])
  })

  live("differs from multi-tenant mode, which uses the network", function* () {
    const variables = {
      APPLICATION_NAME: "ledger",
      ENVIRONMENT_NAME: "test",
      MULTI_TENANT_URL: yield* refusedUrl,
      MULTI_TENANT_SERVICE_API_KEY: "key",
      MULTI_TENANT_REDIS_HOST: "127.0.0.1:1"
    }
    const layer = NodeTenantDiscovery.layerConfigWith({ discovery: { startRetries: 0 } })
    const [exit, network] = yield* networkUseOf(Effect.exit(build(layer, variables)))
    expect(Exit.isFailure(exit)).toBe(true)
    expect(network).toContain("TCPWRAP")
  })
})

/** What `layerConfig` does without any use of the network: errors, and single-tenant mode. */
import { describe, expect } from "@effect/vitest"
import { TestCertificates } from "@tenant-discovery/simulator"
import { ConfigError, Effect } from "effect"
import { inspect } from "node:util"
import { NodeTenantDiscovery } from "../../src/node.js"
import { type Tenant, TenantId } from "../../src/Tenant.js"
import { TenantListing } from "../../src/TenantListing.js"
import { complete, errorOf, problems, type Variables } from "../config/subject.js"
import { refusedUrl } from "../manager/support/server.js"
import { live } from "../support/live.js"
import { build, type Line, networkUseOf } from "./support.js"

const { layerConfig, layerConfigWith } = NodeTenantDiscovery

const base64 = (text: string) => Buffer.from(text).toString("base64")

/** Runs `effect`, and checks that it uses no network. */
const withoutNetwork = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(networkUseOf(effect), ([result, network]) => {
    expect(network).toEqual([])
    return result
  })

const wrongWith = (variables: Variables, layer = layerConfig) =>
  Effect.map(withoutNetwork(errorOf(build(layer, variables))), (error) => {
    expect(ConfigError.isConfigError(error), inspect(error)).toBe(true)
    return ConfigError.isConfigError(error) ? problems(error) : []
  })

describe("layerConfig", () => {
  const required = [
    "APPLICATION_NAME",
    "ENVIRONMENT_NAME",
    "MULTI_TENANT_URL",
    "MULTI_TENANT_SERVICE_API_KEY",
    "MULTI_TENANT_REDIS_HOST"
  ]

  live("fails with every missing variable at once", function* () {
    const found = yield* wrongWith({})
    expect(found.map(({ variable }) => variable)).toEqual(required)
  })

  live("requires no address of Redis where the program brings its own connection", function* () {
    const layer = layerConfigWith({
      redis: () => {
        throw new Error("called before the variables are valid")
      }
    })
    const found = yield* wrongWith({ MULTI_TENANT_REDIS_PORT: "x" }, layer)
    expect(found.map(({ variable }) => variable)).toEqual(required.slice(0, -1))
  })

  live("refuses a PEM block that is no certificate", function* () {
    const block = `-----BEGIN CERTIFICATE-----\n${base64("hidden")}\n-----END CERTIFICATE-----\n`
    for (const variable of ["MULTI_TENANT_CA_CERT", "MULTI_TENANT_REDIS_CA_CERT"]) {
      const text = base64(TestCertificates.ca + block)
      const found = yield* wrongWith({ ...complete, [variable]: text })
      const message = "expected X.509 certificates: one block cannot be read as one"
      expect(found).toEqual([{ kind: "Invalid", variable, message }])
    }
  })
})

describe("single-tenant mode", () => {
  const tenant = (id: string, name?: string): Tenant => ({ id: TenantId.make(id), name })
  const off = { MULTI_TENANT_ENABLED: "off" }

  live("has the tenants of the option", function* () {
    const tenants = [tenant("acme", "Acme"), tenant("globex"), tenant("acme", "again")]
    const lines: Array<Line> = []
    const { discovery, manager } = yield* withoutNetwork(
      build(layerConfigWith({ tenants }), { ...off, APPLICATION_NAME: "ledger" }, lines)
    )
    expect(yield* discovery.activeTenants).toEqual(tenants.slice(0, 2))
    const status = { mode: "SingleTenant", tenantCount: 2, lastError: undefined }
    expect(yield* discovery.status.get).toMatchObject(status)
    expect(manager.service).toBe("ledger")
    yield* withoutNetwork(
      Effect.gen(function* () {
        yield* discovery.refresh
        yield* discovery.requireFresh("1 millis")
        const error = yield* Effect.flip(manager.getConnections(TenantId.make("acme")))
        expect(error._tag).toBe("TenantManagerNotFound")
        expect(yield* manager.listActiveTenants).toEqual(TenantListing.of(tenants.slice(0, 2)))
      })
    )
    expect(lines.filter(({ level }) => level !== "DEBUG" && level !== "TRACE")).toEqual([])
  })

  live("has no tenant without the option, with any other variables", function* () {
    const { discovery } = yield* withoutNetwork(
      build(layerConfig, {
        ...off,
        MULTI_TENANT_URL: "http://tm.example?x",
        MULTI_TENANT_REDIS_HOST: "127.0.0.1:1",
        MULTI_TENANT_REDIS_CA_CERT: "!"
      })
    )
    expect(yield* discovery.activeTenantIds).toEqual([])
  })

  live("differs from multi-tenant mode, which uses the network", function* () {
    const variables = {
      ...complete,
      MULTI_TENANT_URL: yield* refusedUrl,
      MULTI_TENANT_REDIS_HOST: "127.0.0.1:1"
    }
    const layer = layerConfigWith({ discovery: { startRetries: 0 } })
    const [, network] = yield* networkUseOf(errorOf(build(layer, variables)))
    expect(network).toContain("TCPWRAP")
  })
})

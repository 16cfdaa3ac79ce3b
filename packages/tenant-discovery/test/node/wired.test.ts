import { describe, expect, expectTypeOf, it } from "@effect/vitest"
import { RedisServer, TestCertificates } from "@tenant-discovery/simulator"
import {
  type ConfigError,
  Effect,
  ExecutionStrategy,
  Exit,
  type Layer,
  Redacted,
  Scope
} from "effect"
import { Redis } from "ioredis"
import { randomUUID } from "node:crypto"
import { writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inspect } from "node:util"
import { NodeTenantDiscovery } from "../../src/node.js"
import type { TenantDiscovery } from "../../src/TenantDiscovery.js"
import type { TenantDiscoveryService } from "../../src/TenantDiscoveryService.js"
import type { TenantManager } from "../../src/TenantManager.js"
import type { TenantManagerError } from "../../src/TenantManagerError.js"
import { errorOf, type Variables } from "../config/subject.js"
import { answer, serve } from "../manager/support/server.js"
import { temporaryFolder } from "../package/support.js"
import { build, eventually, type Line } from "./support.js"
import { live, until } from "../support/live.js"

const { layerConfig, layerConfigWith } = NodeTenantDiscovery

const API_KEY = "marked-api-key"
const PASSWORD = "marked-password"

const associated = (tenant: string, service: string) =>
  JSON.stringify({
    event_id: randomUUID(),
    event_type: "tenant.service.associated",
    timestamp: new Date().toISOString(),
    tenant_id: tenant,
    payload: { service_name: service }
  })

const warningsIn = (lines: ReadonlyArray<Line>) =>
  lines.filter(({ level }) => level === "WARN").map(({ message }) => message)

/** A tenant manager with two tenants, a Redis, and the variables for both. */
const world = Effect.gen(function* () {
  const manager = yield* serve(answer(200, JSON.stringify([{ id: "acme" }, { id: "globex" }])))
  const redis = yield* RedisServer.make({ password: PASSWORD, tls: true })
  const environment = `test-${randomUUID()}`
  const variables: Variables = {
    APPLICATION_NAME: "ledger",
    ENVIRONMENT_NAME: ` ${environment.toUpperCase()} `,
    MULTI_TENANT_URL: `${manager.url}/internal`,
    MULTI_TENANT_SERVICE_API_KEY: API_KEY,
    MULTI_TENANT_REDIS_HOST: `${redis.host}:${redis.port}`,
    MULTI_TENANT_REDIS_PASSWORD: PASSWORD
  }
  const publish = (tenant: string, channel = `tenant-events:${environment}:`) =>
    redis.command("PUBLISH", channel, associated(tenant, "ledger"))
  const clients = Effect.map(redis.command("CLIENT", "LIST"), (list) =>
    String(list)
      .split("\n")
      .filter((line) => line.includes("name=tenant-discovery"))
  )
  /** Waits until the discovery is live, publishes, and waits until the tenant is there. */
  const receives = (discovery: TenantDiscoveryService, channel?: string) =>
    Effect.gen(function* () {
      yield* eventually(discovery.status.get, ({ mode }) => mode === "Live")
      expect(yield* publish("initech", channel)).toBe(1)
      yield* eventually(discovery.activeTenantIds, (ids) => ids.length === 3)
      expect(yield* discovery.activeTenantIds).toContain("initech")
    })
  return { manager, redis, environment, variables, receives, clients }
})

it("declares its errors in its types", () => {
  type Provided = TenantDiscovery | TenantManager
  expectTypeOf(NodeTenantDiscovery.layerConfig).toEqualTypeOf<
    Layer.Layer<Provided, TenantManagerError | ConfigError.ConfigError>
  >()
  expectTypeOf(NodeTenantDiscovery.layer).returns.toEqualTypeOf<
    Layer.Layer<Provided, TenantManagerError>
  >()
  expectTypeOf(NodeTenantDiscovery.layerSingleTenant).returns.toEqualTypeOf<Layer.Layer<Provided>>()
})

describe("layerConfig", () => {
  live("lists, subscribes to the environment's channel, and leaves nothing open", function* () {
    const { clients, manager, receives, variables } = yield* world
    const lines: Array<Line> = []
    const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
    const { discovery } = yield* Scope.extend(build(layerConfig, variables, lines), scope)
    expect(yield* discovery.activeTenantIds).toEqual(["acme", "globex"])
    expect(manager.requests[0]?.url).toBe("/internal/v1/tenants/active?service=ledger")
    expect(manager.requests[0]?.headers["x-api-key"]).toBe(API_KEY)

    yield* receives(discovery)
    expect(yield* clients).toHaveLength(1)
    expect(warningsIn(lines)).toEqual([])

    yield* Scope.close(scope, Exit.void)
    yield* eventually(clients, (list) => list.length === 0)
    yield* until(() => manager.connections().open === 0)
    expect(yield* discovery.activeTenantIds).toHaveLength(3)

    const output = inspect([lines, discovery, layerConfig], { depth: 8 })
    expect(output).not.toContain(API_KEY)
    expect(output).not.toContain(PASSWORD)
  })

  live("uses TLS to Redis with the given CA", function* () {
    const { receives, redis, variables } = yield* world
    const { discovery } = yield* build(layerConfig, {
      ...variables,
      MULTI_TENANT_REDIS_HOST: redis.tls?.host ?? "",
      MULTI_TENANT_REDIS_PORT: String(redis.tls?.port),
      MULTI_TENANT_REDIS_TLS: "on",
      MULTI_TENANT_REDIS_CA_CERT: TestCertificates.unrelatedCa + TestCertificates.ca
    })
    yield* receives(discovery)
  })

  live("starts without Redis, with the reason in status", function* () {
    const { redis, variables } = yield* world
    yield* redis.kill
    const { discovery } = yield* build(layerConfig, variables)
    expect(yield* discovery.activeTenantIds).toEqual(["acme", "globex"])
    const status = yield* discovery.status.get
    expect(status.mode).toBe("BootstrapOnly")
    expect(status.lastError).toMatchObject({ _tag: "SubscriptionLost" })
  })

  live("with MULTI_TENANT_ALL_ENVIRONMENTS receives events of all, with one warning", function* () {
    const { receives, variables } = yield* world
    const lines: Array<Line> = []
    const { discovery } = yield* build(
      layerConfig,
      { ...variables, ENVIRONMENT_NAME: "", MULTI_TENANT_ALL_ENVIRONMENTS: "true" },
      lines
    )
    yield* receives(discovery, `tenant-events:${randomUUID()}`)
    expect(warningsIn(lines)).toEqual([expect.stringContaining("no environment is set")])
  })

  live("reads secrets from files, at each use", function* () {
    const { manager, variables } = yield* world
    const folder = yield* temporaryFolder(tmpdir())
    const keyFile = join(folder, "key")
    const passwordFile = join(folder, "password")
    yield* Effect.promise(() => writeFile(passwordFile, `${PASSWORD}\n`))
    const texts = {
      ...variables,
      MULTI_TENANT_SERVICE_API_KEY: "",
      MULTI_TENANT_REDIS_PASSWORD: "",
      MULTI_TENANT_SERVICE_API_KEY_FILE: keyFile,
      MULTI_TENANT_REDIS_PASSWORD_FILE: passwordFile
    }
    const layer = layerConfigWith({ discovery: { startRetries: 0 } })
    expect(yield* errorOf(build(layer, texts))).toMatchObject({
      _tag: "TenantManagerUnavailable",
      message: expect.stringContaining("the API key cannot be read (ENOENT)")
    })
    yield* Effect.promise(() => writeFile(keyFile, "key-1\n"))
    const { discovery } = yield* build(layer, texts)
    yield* eventually(discovery.status.get, ({ mode }) => mode === "Live")
    yield* Effect.promise(() => writeFile(keyFile, "key-2"))
    yield* discovery.refresh
    const keys = manager.requests.map(({ headers }) => headers["x-api-key"])
    expect([keys.at(0), keys.at(-1)]).toEqual(["key-1", "key-2"])
  })
})

describe("a start that is refused", () => {
  live("fails with the tenant manager's answer, and leaves nothing open", function* () {
    const { clients, variables } = yield* world
    const refusing = yield* serve(answer(401))
    const texts = { ...variables, MULTI_TENANT_URL: refusing.url }
    const error = yield* errorOf(Effect.scoped(build(layerConfig, texts)))
    expect(error).toMatchObject({ _tag: "TenantManagerUnauthorized" })
    expect(refusing.requests).toHaveLength(1)
    yield* eventually(clients, (list) => list.length === 0)
    yield* until(() => refusing.connections().open === 0)
    expect(inspect(error, { depth: 8, showHidden: true })).not.toContain(API_KEY)
  })

  live("logs each warning once", function* () {
    const lines: Array<Line> = []
    // Not a loopback address by name, though no packet leaves this machine.
    const variables = {
      APPLICATION_NAME: "ledger",
      MULTI_TENANT_ALL_ENVIRONMENTS: "true",
      MULTI_TENANT_URL: "http://0.0.0.0:1",
      MULTI_TENANT_ALLOW_INSECURE_HTTP: "true",
      MULTI_TENANT_SERVICE_API_KEY: API_KEY,
      MULTI_TENANT_REDIS_HOST: "0.0.0.0:1",
      MULTI_TENANT_REDIS_PASSWORD: `"${PASSWORD}"`,
      MULTI_TENANT_REDIS_TLS: "false"
    }
    const layer = layerConfigWith({ discovery: { startRetries: 1 } })
    yield* errorOf(build(layer, variables, lines))
    const said = (text: string) => warningsIn(lines).filter((message) => message.includes(text))
    for (const text of ["over http", "without TLS", "no environment", "has quotes around it"]) {
      expect(said(text), text).toHaveLength(1)
    }
    expect(inspect(lines)).not.toMatch(/marked/)
  })
})

describe("layerConfigWith", () => {
  live("accepts a connection and a channel of the program", function* () {
    const { receives, redis, variables } = yield* world
    const channel = `elsewhere-${randomUUID()}`
    let made = 0
    const layer = layerConfigWith({
      redis: () => {
        made++
        const { host, port } = redis
        const single = { autoResubscribe: false, retryStrategy: () => null }
        return new Redis({ host, port, password: PASSWORD, lazyConnect: true, ...single })
      },
      channel: { _tag: "Exact", channel },
      discovery: { environment: undefined }
    })
    const lines: Array<Line> = []
    const { discovery } = yield* build(layer, { ...variables, MULTI_TENANT_REDIS_HOST: "" }, lines)
    yield* receives(discovery, channel)
    expect(made).toBeGreaterThan(0)
    expect(warningsIn(lines)).toEqual([])
  })

  live("lets an option win over its variable", function* () {
    const { manager, variables } = yield* world
    const layer = layerConfigWith({ discovery: { reconcileInterval: "20 millis" } })
    yield* build(layer, { ...variables, MULTI_TENANT_RECONCILE_INTERVAL_SEC: "0" })
    yield* until(() => manager.requests.length > 3)
  })
})

describe("layer", () => {
  live("works from options, normalised as the variables are", function* () {
    const { environment, manager, receives, redis } = yield* world
    const layer = NodeTenantDiscovery.layer({
      tenantManager: {
        service: " ledger\n",
        url: ` ${manager.url} `,
        apiKey: Redacted.make(API_KEY)
      },
      redis: { host: redis.host, port: redis.port, password: Redacted.make(PASSWORD) },
      discovery: { environment: ` ${environment.toUpperCase()} ` }
    })
    const { discovery, manager: client } = yield* build(layer, {})
    expect(client.service).toBe("ledger")
    yield* receives(discovery)
  })
})

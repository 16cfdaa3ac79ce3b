import { describe, expect } from "@effect/vitest"
import { type Config, ConfigProvider, Duration, Effect, Redacted } from "effect"
import {
  broken,
  complete,
  errorOf,
  load,
  loadMulti,
  problems,
  provider,
  reference,
  TenantDiscoveryConfig,
  type Variables
} from "./subject.js"
import { test } from "../support/live.js"
import { defaultDiscoveryOptions } from "../../src/TenantDiscoveryOptions.js"
import { tenantManagerDefaults } from "../../src/TenantManager.js"

const block = (body: string) => `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----`
const base64 = (text: string) => Buffer.from(text).toString("base64")

const endpoint = (host: string, variables: Variables = {}) =>
  Effect.map(
    loadMulti({ ...complete, MULTI_TENANT_REDIS_HOST: host, ...variables }),
    ({ redis }) => redis
  )

describe("the settings", () => {
  test("have the defaults of the options", function* () {
    const { resetAfter, threshold } = tenantManagerDefaults.circuitBreaker
    expect(yield* load(complete)).toEqual({
      _tag: "MultiTenant",
      service: "ledger",
      environment: "test",
      allEnvironments: false,
      tenantManager: {
        url: new URL("https://tm.example/internal"),
        apiKey: Redacted.make("key-1"),
        apiPrefix: tenantManagerDefaults.apiPrefix,
        timeout: Duration.millis(tenantManagerDefaults.timeout),
        circuitBreaker: { threshold, resetAfter: Duration.millis(resetAfter) },
        allowInsecureHttp: false,
        transport: { caCert: undefined, proxy: undefined, noProxy: undefined }
      },
      redis: {
        host: "redis.example",
        port: 6379,
        username: undefined,
        password: undefined,
        tls: { ca: undefined }
      },
      reconcileInterval: Duration.decode(defaultDiscoveryOptions.reconcileInterval),
      connectionsCacheTtl: Duration.minutes(2),
      connectionsCheckInterval: Duration.seconds(30),
      maxTenantPools: 100,
      idleTimeout: Duration.minutes(5),
      warnings: []
    })
  })

  test("take every variable", function* () {
    const settings = yield* load({
      MULTI_TENANT_ENABLED: "YES",
      APPLICATION_NAME: "ignored",
      MULTI_TENANT_SERVICE_NAME: " billing ",
      ENVIRONMENT_NAME: " Production\n",
      ENV_NAME: "ignored",
      MULTI_TENANT_ALL_ENVIRONMENTS: "T",
      MULTI_TENANT_URL: " http://tm.example:8080/a/b/ ",
      MULTI_TENANT_ALLOW_INSECURE_HTTP: "On",
      MULTI_TENANT_SERVICE_API_KEY: " key-2 ",
      MULTI_TENANT_API_PREFIX: "v2/",
      MULTI_TENANT_TIMEOUT: "0.25",
      MULTI_TENANT_CIRCUIT_BREAKER_THRESHOLD: "0",
      MULTI_TENANT_CIRCUIT_BREAKER_TIMEOUT_SEC: "1.5",
      MULTI_TENANT_REDIS_HOST: "redis_1",
      MULTI_TENANT_REDIS_PORT: "6400",
      MULTI_TENANT_REDIS_USERNAME: "events",
      MULTI_TENANT_REDIS_PASSWORD: " with spaces ",
      MULTI_TENANT_REDIS_TLS: "oN",
      MULTI_TENANT_REDIS_CA_CERT: base64(block("MIIB")),
      MULTI_TENANT_RECONCILE_INTERVAL_SEC: "0",
      MULTI_TENANT_CA_CERT: block("AAAA"),
      HTTP_PROXY: "http://user:hidden@proxy.example:3128",
      HTTPS_PROXY: "http://other.example",
      NO_PROXY: " localhost ",
      MULTI_TENANT_CACHE_TTL_SEC: "1",
      MULTI_TENANT_CONNECTIONS_CHECK_INTERVAL_SEC: "0",
      MULTI_TENANT_MAX_TENANT_POOLS: "2",
      MULTI_TENANT_IDLE_TIMEOUT_SEC: "3"
    })
    expect(settings).toEqual({
      _tag: "MultiTenant",
      service: "billing",
      environment: "production",
      allEnvironments: true,
      tenantManager: {
        url: new URL("http://tm.example:8080/a/b"),
        apiKey: Redacted.make("key-2"),
        apiPrefix: "/v2",
        timeout: Duration.millis(250),
        circuitBreaker: { threshold: 0, resetAfter: Duration.millis(1500) },
        allowInsecureHttp: true,
        transport: {
          caCert: `${block("AAAA")}\n`,
          proxy: Redacted.make("http://user:hidden@proxy.example:3128/"),
          noProxy: "localhost"
        }
      },
      redis: {
        host: "redis_1",
        port: 6400,
        username: "events",
        password: Redacted.make(" with spaces "),
        tls: { ca: `${block("MIIB")}\n` }
      },
      reconcileInterval: Duration.zero,
      connectionsCacheTtl: Duration.seconds(1),
      connectionsCheckInterval: Duration.zero,
      maxTenantPools: 2,
      idleTimeout: Duration.seconds(3),
      warnings: []
    })
  })

  test("are single-tenant, with nothing else read, when MULTI_TENANT_ENABLED is false", function* () {
    for (const off of ["false", "FALSE", "f", "F", "0", "no", "off", " Off "]) {
      for (const others of [broken(() => true), {}]) {
        const settings = yield* load({ ...others, MULTI_TENANT_ENABLED: off })
        expect(settings).toEqual({ _tag: "SingleTenant", service: undefined })
      }
    }
  })

  test("count blank as unset, but an empty prefix as none", function* () {
    const blank = Object.fromEntries(
      reference.filter(({ name }) => !(name in complete)).map(({ name }) => [name, "  "])
    )
    const settings = yield* loadMulti({ ...complete, ...blank })
    const defaults = yield* loadMulti(complete)
    expect(settings).toEqual({
      ...defaults,
      tenantManager: { ...defaults.tenantManager, apiPrefix: "" }
    })
  })

  test("are read under a nested provider", function* () {
    const nested = ConfigProvider.fromMap(
      new Map(Object.entries(complete).map(([name, text]) => [`LEDGER.${name}`, text]))
    ).pipe(ConfigProvider.nested("LEDGER"))
    const settings = yield* Effect.withConfigProvider(TenantDiscoveryConfig.config, nested)
    expect(settings).toEqual(yield* load(complete))
  })
})

describe("the settings without Redis", () => {
  test("require and validate no variable about it, and everything else as before", function* () {
    const { MULTI_TENANT_REDIS_HOST: _, ...others } = complete
    const without = (variables: Variables) =>
      TenantDiscoveryConfig.configWith({ redis: true }).pipe(
        Effect.withConfigProvider(provider(variables))
      )
    const expected = { ...(yield* loadMulti(complete)), redis: undefined }
    expect(yield* without(others)).toEqual(expected)
    expect(yield* without({ ...others, ...broken((name) => name.includes("REDIS")) })).toEqual(
      expected
    )
    const missing = problems(yield* errorOf(without({})))
    expect(missing.map(({ variable }) => variable)).toEqual(
      Object.keys(complete).filter((name) => name !== "MULTI_TENANT_REDIS_HOST")
    )
  })
})

describe("names", () => {
  const { APPLICATION_NAME: _, ENVIRONMENT_NAME: __, ...others } = complete

  test("of the service: MULTI_TENANT_SERVICE_NAME is enough, and wins", function* () {
    const name = (variables: Variables) =>
      Effect.map(
        loadMulti({ ...others, ENVIRONMENT_NAME: "test", ...variables }),
        (it) => it.service
      )
    expect(yield* name({ MULTI_TENANT_SERVICE_NAME: "billing" })).toBe("billing")
    const both = { APPLICATION_NAME: "ledger", MULTI_TENANT_SERVICE_NAME: "billing" }
    expect(yield* name(both)).toBe("billing")
    expect(yield* name({ ...both, MULTI_TENANT_SERVICE_NAME: " " })).toBe("ledger")
  })

  test("of the environment: ENVIRONMENT_NAME, then ENV_NAME, or none where none is required", function* () {
    const name = (variables: Variables, given = {}) =>
      TenantDiscoveryConfig.configWith(given).pipe(
        Effect.withConfigProvider(
          provider({ ...others, APPLICATION_NAME: "ledger", ...variables })
        ),
        Effect.map((it) => "environment" in it && [it.environment, it.allEnvironments])
      )
    expect(yield* name({ ENV_NAME: "Staging " })).toEqual(["staging", false])
    expect(yield* name({ ENV_NAME: "staging", ENVIRONMENT_NAME: "PROD" })).toEqual(["prod", false])
    expect(yield* name({ ENV_NAME: "x", ENVIRONMENT_NAME: " " })).toEqual(["x", false])
    expect(yield* name({ MULTI_TENANT_ALL_ENVIRONMENTS: "true" })).toEqual([undefined, true])
    expect(yield* name({}, { environment: true })).toEqual([undefined, false])
  })
})

describe("the URL", () => {
  test("may be http to a loopback host, or to any with the opt-in", function* () {
    for (const [text, href, MULTI_TENANT_ALLOW_INSECURE_HTTP] of [
      ["http://localhost:8080/x", "http://localhost:8080/x", ""],
      ["http://127.9.8.7", "http://127.9.8.7/", ""],
      ["http://[::1]:80/", "http://[::1]/", ""],
      ["HTTPS://TM.example:8443", "https://tm.example:8443/", ""],
      ["http://tm.example/v", "http://tm.example/v", "1"]
    ] as const) {
      const variables = { MULTI_TENANT_URL: text, MULTI_TENANT_ALLOW_INSECURE_HTTP }
      const { tenantManager } = yield* loadMulti({ ...complete, ...variables })
      expect(tenantManager.url.href).toBe(href)
    }
  })
})

describe("the proxy", () => {
  test("is that of the URL's scheme; names in lower case win, unless they are blank", function* () {
    const proxy = (variables: Variables) =>
      loadMulti({ ...complete, ...variables }).pipe(
        Effect.map(({ tenantManager: { transport } }) => [
          transport.proxy && Redacted.value(transport.proxy),
          transport.noProxy
        ])
      )
    const upper = { HTTP_PROXY: "http://a", HTTPS_PROXY: "http://b", NO_PROXY: "c" }
    const lower = { http_proxy: "http://d", https_proxy: "http://e", no_proxy: "f" }
    const blank = { http_proxy: "", https_proxy: "", no_proxy: " " }
    const http = { MULTI_TENANT_URL: "http://localhost" }
    expect(yield* proxy(upper)).toEqual(["http://b/", "c"])
    expect(yield* proxy({ ...upper, ...blank })).toEqual(["http://b/", "c"])
    expect(yield* proxy({ ...upper, ...lower })).toEqual(["http://e/", "f"])
    expect(yield* proxy({ ...upper, ...lower, ...http })).toEqual(["http://d/", "f"])
    expect(yield* proxy({ ...lower, HTTPS_PROXY: "not read" })).toEqual(["http://e/", "f"])
    expect(yield* proxy({ HTTP_PROXY: "socks5://a" })).toEqual([undefined, undefined])
  })
})

describe("the Redis endpoint", () => {
  test("is a host, a host with a port, or an address", function* () {
    const cases: ReadonlyArray<readonly [given: string, port: string, host: string, is: number]> = [
      ["redis.example", "", "redis.example", 6379],
      ["redis.example", "6400", "redis.example", 6400],
      ["redis.example:6400", "", "redis.example", 6400],
      ["redis.example:6400", "6400", "redis.example", 6400],
      [" 10.0.0.1:1 ", "", "10.0.0.1", 1],
      ["[2001:DB8::1]:65535", "", "2001:db8::1", 65535],
      ["[2001:db8::1]", "7", "2001:db8::1", 7],
      ["2001:db8::6379", "", "2001:db8::6379", 6379],
      ["fe80::1%eth0", "", "fe80::1%eth0", 6379]
    ]
    for (const [given, text, host, port] of cases) {
      const found = yield* endpoint(given, { MULTI_TENANT_REDIS_PORT: text })
      expect(found).toMatchObject({ host, port, tls: {} })
    }
  })

  test("has TLS unless it is loopback, or as it is set", function* () {
    const hosts = {
      local: "localhost LOCALHOST:1 127.0.0.1 127.1.2.3:6379 ::1 [::1]:6379 0:0:0:0:0:0:0:1",
      remote:
        "localhost.example 127.evil.example 127.0.0.256 128.0.0.1 ::2 0.0.0.0 redis redis.example"
    }
    for (const [where, list] of Object.entries(hosts)) {
      for (const host of list.split(" ")) {
        const isOn = (variables?: Variables) =>
          Effect.map(endpoint(host, variables), ({ tls }) => tls !== false)
        expect(yield* isOn(), host).toBe(where === "remote")
        expect(yield* isOn({ MULTI_TENANT_REDIS_TLS: "no" })).toBe(false)
        expect(yield* isOn({ MULTI_TENANT_REDIS_TLS: "yes" })).toBe(true)
      }
    }
  })

  test("is sentinels or nodes of a cluster, each with a default port", function* () {
    const redis = (variables: Variables) => endpoint("", variables)
    const sentinels = {
      MULTI_TENANT_REDIS_SENTINELS: "s1, s2:1, [::1]:2",
      MULTI_TENANT_REDIS_SENTINEL_NAME: "mymaster",
      MULTI_TENANT_REDIS_SENTINEL_PASSWORD: "hidden"
    }
    const login = { username: undefined, password: undefined, tls: { ca: undefined } }
    expect(yield* redis(sentinels)).toEqual({
      ...login,
      sentinels: [
        { host: "s1", port: 26379 },
        { host: "s2", port: 1 },
        { host: "::1", port: 2 }
      ],
      name: "mymaster",
      sentinelPassword: Redacted.make("hidden")
    })
    expect(yield* redis({ MULTI_TENANT_REDIS_CLUSTER_NODES: "n1,n2:1" })).toEqual({
      ...login,
      cluster: [
        { host: "n1", port: 6379 },
        { host: "n2", port: 1 }
      ]
    })
    const local = { MULTI_TENANT_REDIS_CLUSTER_NODES: "localhost:1,127.0.0.1:2" }
    expect((yield* redis(local)).tls).toBe(false)
    const unnamed = { ...sentinels, MULTI_TENANT_REDIS_SENTINEL_NAME: "" }
    const problem = problems(yield* errorOf(redis(unnamed)))
    expect(problem).toMatchObject([{ variable: "MULTI_TENANT_REDIS_SENTINEL_NAME" }])
  })
})

describe("a secret", () => {
  test("is a text without a line feed at its end, or a file to be read at each use", function* () {
    const { MULTI_TENANT_SERVICE_API_KEY: _, ...others } = complete
    const { redis, tenantManager } = yield* loadMulti({
      ...others,
      MULTI_TENANT_SERVICE_API_KEY_FILE: "/run/secrets/key\n",
      MULTI_TENANT_REDIS_PASSWORD: " with spaces \n"
    })
    expect(tenantManager.apiKey).toEqual({ file: "/run/secrets/key" })
    expect(redis.password).toEqual(Redacted.make(" with spaces "))
  })
})

describe("the CA certificate", () => {
  const two = `${block("AAAA")}\n${block("BBBB")}\n`
  const ca = (text: string, tls = "") => {
    const variables = { MULTI_TENANT_REDIS_TLS: tls, MULTI_TENANT_REDIS_CA_CERT: text }
    return Effect.map(loadMulti({ ...complete, ...variables }), ({ redis }) => redis.tls)
  }

  test("is PEM, or base64 of it, wrapped or not", function* () {
    const wrapped = base64(two).replace(/.{20}/g, "$&\n")
    const escaped = two.replaceAll("\n", "\\n")
    const described = `subject=CN=root\n${two}`
    for (const text of [two, base64(two), wrapped, ` ${base64(two)}\n`, escaped, described]) {
      expect(yield* ca(text)).toEqual({ ca: two })
    }
  })

  test("is ignored without TLS", function* () {
    expect(yield* ca("not base64!", "false")).toBe(false)
  })
})

describe("a Config for one variable", () => {
  test("has its value, its default or its error in every mode", function* () {
    const { connectionsCacheTtl, connectionsCheckInterval, idleTimeout, maxTenantPools } =
      TenantDiscoveryConfig
    const values: ReadonlyArray<readonly [string, Config.Config<unknown>, unknown, unknown]> = [
      ["CACHE_TTL_SEC", connectionsCacheTtl, Duration.minutes(2), Duration.zero],
      [
        "CONNECTIONS_CHECK_INTERVAL_SEC",
        connectionsCheckInterval,
        Duration.seconds(30),
        Duration.zero
      ],
      ["MAX_TENANT_POOLS", maxTenantPools, 100, 0],
      ["IDLE_TIMEOUT_SEC", idleTimeout, Duration.minutes(5), Duration.zero]
    ]
    for (const [name, config, byDefault, zero] of values) {
      const variable = `MULTI_TENANT_${name}`
      const read = (text: string) =>
        Effect.withConfigProvider(config, provider({ [variable]: text }))
      expect(yield* read("")).toEqual(byDefault)
      expect(yield* read("0")).toEqual(zero)
      expect(problems(yield* errorOf(read("-1")))).toMatchObject([{ kind: "Invalid", variable }])
    }
  })
})

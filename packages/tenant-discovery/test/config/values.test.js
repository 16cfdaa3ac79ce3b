import { describe, expect, it } from "@effect/vitest"
import { ConfigProvider, Duration, Effect, Redacted } from "effect"
import {
  complete,
  errorOf,
  load,
  loadMulti,
  problems,
  provider,
  TenantDiscoveryConfig
} from "./subject.js"
const block = (body) => `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----`
const base64 = (text) => Buffer.from(text).toString("base64")
/** The endpoint for a host variable, and a port variable where there is one. */
const endpoint = (host, port) =>
  loadMulti({
    ...complete,
    MULTI_TENANT_REDIS_HOST: host,
    ...(port === undefined ? {} : { MULTI_TENANT_REDIS_PORT: port })
  }).pipe(Effect.map(({ redis }) => [redis.host, redis.port, redis.tls !== false]))
describe("the settings", () => {
  it.effect("have the documented defaults", () =>
    Effect.gen(function* () {
      expect(yield* load(complete)).toEqual({
        _tag: "MultiTenant",
        service: "ledger",
        environment: undefined,
        tenantManager: {
          url: new URL("https://tm.example/internal"),
          apiKey: Redacted.make("key-1"),
          apiPrefix: "/v1",
          timeout: Duration.seconds(30),
          circuitBreakerThreshold: 5,
          circuitBreakerTimeout: Duration.seconds(30),
          allowInsecureHttp: false
        },
        redis: {
          host: "redis.example",
          port: 6379,
          username: undefined,
          password: undefined,
          tls: { ca: undefined }
        },
        reconcileInterval: Duration.seconds(60),
        connectionsCacheTtl: Duration.hours(12),
        maxTenantPools: 100,
        idleTimeout: Duration.minutes(5)
      })
    })
  )
  it.effect("take every variable", () =>
    Effect.gen(function* () {
      const settings = yield* load({
        MULTI_TENANT_ENABLED: "YES",
        APPLICATION_NAME: "ignored",
        MULTI_TENANT_SERVICE_NAME: " billing ",
        ENVIRONMENT_NAME: " Production\n",
        ENV_NAME: "ignored",
        MULTI_TENANT_URL: " http://tm.example:8080/a/b/ ",
        MULTI_TENANT_ALLOW_INSECURE_HTTP: "On",
        MULTI_TENANT_SERVICE_API_KEY: "key-2\n",
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
        MULTI_TENANT_CACHE_TTL_SEC: "1",
        MULTI_TENANT_MAX_TENANT_POOLS: "2",
        MULTI_TENANT_IDLE_TIMEOUT_SEC: "3"
      })
      expect(settings).toEqual({
        _tag: "MultiTenant",
        service: "billing",
        environment: "production",
        tenantManager: {
          url: new URL("http://tm.example:8080/a/b/"),
          apiKey: Redacted.make("key-2"),
          apiPrefix: "/v2",
          timeout: Duration.millis(250),
          circuitBreakerThreshold: 0,
          circuitBreakerTimeout: Duration.millis(1500),
          allowInsecureHttp: true
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
        maxTenantPools: 2,
        idleTimeout: Duration.seconds(3)
      })
    })
  )
  it.effect(
    "are single-tenant, and nothing else is looked at, when MULTI_TENANT_ENABLED is false",
    () =>
      Effect.gen(function* () {
        for (const off of ["false", "FALSE", "0", "no", "off", " Off "]) {
          const broken = Object.fromEntries(
            TenantDiscoveryConfig.variables.map(({ name }) => [name, "@broken:@"])
          )
          expect(yield* load({ ...broken, MULTI_TENANT_ENABLED: off })).toEqual({
            _tag: "SingleTenant"
          })
          expect(yield* load({ MULTI_TENANT_ENABLED: off })).toEqual({ _tag: "SingleTenant" })
        }
      })
  )
  it.effect("take blank for unset, but an empty prefix for none", () =>
    Effect.gen(function* () {
      const blank = Object.fromEntries(
        TenantDiscoveryConfig.variables
          .filter(({ name }) => !(name in complete))
          .map(({ name }) => [name, "  "])
      )
      const settings = yield* loadMulti({ ...complete, ...blank })
      const defaults = yield* loadMulti(complete)
      expect(settings).toEqual({
        ...defaults,
        tenantManager: { ...defaults.tenantManager, apiPrefix: "" }
      })
    })
  )
  it.effect("are found under a nested provider too", () =>
    Effect.gen(function* () {
      const nested = ConfigProvider.fromMap(
        new Map(Object.entries(complete).map(([name, text]) => [`LEDGER.${name}`, text]))
      ).pipe(ConfigProvider.nested("LEDGER"))
      const settings = yield* Effect.withConfigProvider(TenantDiscoveryConfig.config, nested)
      expect(settings).toEqual(yield* load(complete))
    })
  )
})
describe("the settings without Redis", () => {
  it.effect("require and validate no variable of it, and everything else as ever", () =>
    Effect.gen(function* () {
      const { MULTI_TENANT_REDIS_HOST: _, ...others } = complete
      const broken = Object.fromEntries(
        TenantDiscoveryConfig.variables
          .filter(({ group }) => group === "Redis")
          .map(({ name }) => [name, "@broken:@"])
      )
      const without = (variables) =>
        TenantDiscoveryConfig.configWithoutRedis.pipe(
          Effect.withConfigProvider(provider(variables))
        )
      const expected = { ...(yield* loadMulti(complete)), redis: undefined }
      expect(yield* without(others)).toEqual(expected)
      expect(yield* without({ ...others, ...broken })).toEqual(expected)
      const missing = problems(yield* errorOf(without({})))
      expect(missing.map(({ variable }) => variable)).toEqual(
        Object.keys(complete).filter((name) => name !== "MULTI_TENANT_REDIS_HOST")
      )
    })
  )
})
describe("names", () => {
  it.effect("of the service: MULTI_TENANT_SERVICE_NAME is enough, and wins", () =>
    Effect.gen(function* () {
      const { APPLICATION_NAME: _, ...others } = complete
      const alone = yield* loadMulti({ ...others, MULTI_TENANT_SERVICE_NAME: "billing" })
      expect(alone.service).toBe("billing")
      const both = yield* loadMulti({ ...complete, MULTI_TENANT_SERVICE_NAME: "billing" })
      expect(both.service).toBe("billing")
      const blank = yield* loadMulti({ ...complete, MULTI_TENANT_SERVICE_NAME: " " })
      expect(blank.service).toBe("ledger")
    })
  )
  it.effect("of the environment: ENVIRONMENT_NAME, then ENV_NAME", () =>
    Effect.gen(function* () {
      const name = (variables) =>
        loadMulti({ ...complete, ...variables }).pipe(Effect.map(({ environment }) => environment))
      expect(yield* name({ ENV_NAME: "Staging " })).toBe("staging")
      expect(yield* name({ ENV_NAME: "staging", ENVIRONMENT_NAME: "PROD" })).toBe("prod")
      expect(yield* name({ ENV_NAME: "staging", ENVIRONMENT_NAME: " " })).toBe("staging")
      expect(yield* name({ ENVIRONMENT_NAME: "" })).toBeUndefined()
    })
  )
})
describe("the URL", () => {
  it.effect("may be http to a loopback host alone, or to any with the opt-in", () =>
    Effect.gen(function* () {
      const url = (text, variables = {}) =>
        loadMulti({ ...complete, MULTI_TENANT_URL: text, ...variables }).pipe(
          Effect.map(({ tenantManager }) => tenantManager.url.href)
        )
      expect(yield* url("http://localhost:8080/x")).toBe("http://localhost:8080/x")
      expect(yield* url("http://127.9.8.7")).toBe("http://127.9.8.7/")
      expect(yield* url("http://[::1]:80/")).toBe("http://[::1]/")
      expect(yield* url("HTTPS://TM.example:8443")).toBe("https://tm.example:8443/")
      const optIn = { MULTI_TENANT_ALLOW_INSECURE_HTTP: "1" }
      expect(yield* url("http://tm.example/v", optIn)).toBe("http://tm.example/v")
    })
  )
})
describe("the Redis endpoint", () => {
  it.effect("is a host, a host with a port, or an address", () =>
    Effect.gen(function* () {
      expect(yield* endpoint("redis.example")).toEqual(["redis.example", 6379, true])
      expect(yield* endpoint("redis.example", "6400")).toEqual(["redis.example", 6400, true])
      expect(yield* endpoint("redis.example:6400")).toEqual(["redis.example", 6400, true])
      expect(yield* endpoint("redis.example:6400", "6400")).toEqual(["redis.example", 6400, true])
      expect(yield* endpoint(" 10.0.0.1:1 ")).toEqual(["10.0.0.1", 1, true])
      expect(yield* endpoint("[2001:DB8::1]:65535")).toEqual(["2001:db8::1", 65535, true])
      expect(yield* endpoint("[2001:db8::1]", "7")).toEqual(["2001:db8::1", 7, true])
      expect(yield* endpoint("2001:db8::6379")).toEqual(["2001:db8::6379", 6379, true])
      expect(yield* endpoint("fe80::1%eth0")).toEqual(["fe80::1%eth0", 6379, true])
    })
  )
  it.effect("has TLS unless it is loopback", () =>
    Effect.gen(function* () {
      const loopback = [
        "localhost",
        "LOCALHOST:1",
        "127.0.0.1",
        "127.1.2.3:6379",
        "::1",
        "[::1]:6379"
      ]
      for (const host of [...loopback, "0:0:0:0:0:0:0:1"]) {
        expect((yield* endpoint(host))[2], host).toBe(false)
      }
      const others = ["localhost.example", "127.evil.example", "127.0.0.256", "128.0.0.1", "::2"]
      for (const host of [...others, "0.0.0.0", "redis"]) {
        expect((yield* endpoint(host))[2], host).toBe(true)
      }
    })
  )
  it.effect("has the TLS that is asked for", () =>
    Effect.gen(function* () {
      const tls = (host, said) =>
        loadMulti({
          ...complete,
          MULTI_TENANT_REDIS_HOST: host,
          MULTI_TENANT_REDIS_TLS: said
        }).pipe(Effect.map(({ redis }) => redis.tls))
      expect(yield* tls("redis.example", "no")).toBe(false)
      expect(yield* tls("localhost", "yes")).toEqual({ ca: undefined })
    })
  )
})
describe("the CA certificate", () => {
  const two = `${block("AAAA")}\n${block("BBBB")}\n`
  const ca = (text, host = "redis.example", tls = "") =>
    loadMulti({
      ...complete,
      MULTI_TENANT_REDIS_HOST: host,
      MULTI_TENANT_REDIS_TLS: tls,
      MULTI_TENANT_REDIS_CA_CERT: text
    }).pipe(Effect.map(({ redis }) => redis.tls))
  it.effect("is PEM, or base64 of it, wrapped or not", () =>
    Effect.gen(function* () {
      const wrapped = base64(two).replace(/.{20}/g, "$&\n")
      const escaped = two.replaceAll("\n", "\\n")
      const described = `subject=CN=root\n${two}`
      for (const text of [two, base64(two), wrapped, ` ${base64(two)}\n`, escaped, described]) {
        expect(yield* ca(text)).toEqual({ ca: two })
      }
    })
  )
  it.effect("is not looked at without TLS", () =>
    Effect.gen(function* () {
      expect(yield* ca("not base64!", "redis.example", "false")).toBe(false)
      expect(yield* ca("not base64!", "localhost")).toBe(false)
    })
  )
})
describe("a Config for one variable", () => {
  it.effect("has its value or its default, whatever the mode", () =>
    Effect.gen(function* () {
      const all = Effect.all([
        TenantDiscoveryConfig.connectionsCacheTtl,
        TenantDiscoveryConfig.maxTenantPools,
        TenantDiscoveryConfig.idleTimeout
      ])
      const given = {
        MULTI_TENANT_ENABLED: "false",
        MULTI_TENANT_CACHE_TTL_SEC: "1.5",
        MULTI_TENANT_MAX_TENANT_POOLS: "7",
        MULTI_TENANT_IDLE_TIMEOUT_SEC: "0"
      }
      expect(yield* Effect.withConfigProvider(all, provider(given))).toEqual([
        Duration.millis(1500),
        7,
        Duration.zero
      ])
      expect(yield* Effect.withConfigProvider(all, provider({}))).toEqual([
        Duration.hours(12),
        100,
        Duration.minutes(5)
      ])
    })
  )
})
//# sourceMappingURL=values.test.js.map

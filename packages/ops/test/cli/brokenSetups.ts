/** Set-ups with one fault each, on real servers, and what `doctor` must say about them. */
import { RedisServer, Simulator, TestCertificates } from "@tenant-discovery/simulator"
import { Effect, type Scope } from "effect"
import { Redis } from "ioredis"
import * as ExpiredCertificate from "./expiredCertificate.js"
import {
  closedPort,
  loadingRedis,
  managerWithClock,
  proxyTo,
  sentinel,
  silentPort,
  temporaryFolder,
  tlsInFrontOf
} from "./servers.js"

export type Env = Readonly<Record<string, string>>

export interface Setup {
  readonly env: Env
  /** Variables that repair it, where that is tried too. */
  readonly repaired?: Env
}

export interface BrokenSetup {
  readonly name: string
  readonly arrange: Effect.Effect<
    Setup,
    Simulator.SimulatorError | RedisServer.RedisServerError,
    Scope.Scope
  >
  /** The only step that fails, or that warns where `status` is `warning`. */
  readonly step: string
  readonly status?: "warning"
  readonly found: RegExp
  readonly advice: RegExp
}

export const API_KEY = "doctor-api-key-8fd1"
export const PASSWORD = "doctor-password-c7a2"

const simulated = (options: Simulator.SimulatorOptions = {}) =>
  Simulator.make({
    environment: "staging",
    tenants: [{ id: "acme", name: "Acme" }],
    apiKey: API_KEY,
    ...options
  })

/** Good servers, and the environment with these changes. */
const changed = (
  change: (simulator: Simulator.SimulatorService) => Env,
  options?: Simulator.SimulatorOptions
) =>
  Effect.map(simulated(options), (simulator) => ({
    env: { ...simulator.env, ...change(simulator) }
  }))

/** The API answers with this text. */
const answering = (body: string) =>
  Effect.gen(function* () {
    const simulator = yield* simulated()
    yield* simulator.trouble({ _tag: "RawBody", body })
    return { env: simulator.env }
  })

/** The tenant manager with TLS; its environment trusts `trusted`. */
const withTls = (pair: TestCertificates.KeyPair, trusted: string) =>
  Effect.gen(function* () {
    const simulator = yield* simulated()
    const port = yield* tlsInFrontOf(simulator.port, pair)
    return {
      env: {
        ...simulator.env,
        MULTI_TENANT_URL: `https://localhost:${port}`,
        MULTI_TENANT_CA_CERT: trusted
      }
    }
  })

/** Redis with a user that has every permission but these. */
const withUser = (...without: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const redis = yield* RedisServer.make({
      kind: "native",
      setup: [["ACL", "SETUSER", "events", "on", `>${PASSWORD}`, "~*", "&*", "+@all", ...without]]
    })
    const { env } = yield* simulated({ redis })
    return {
      env: {
        ...env,
        MULTI_TENANT_REDIS_USERNAME: "events",
        MULTI_TENANT_REDIS_PASSWORD: PASSWORD
      }
    }
  })

export const brokenSetups: ReadonlyArray<BrokenSetup> = [
  {
    name: "wrong API key",
    arrange: changed(() => ({ MULTI_TENANT_SERVICE_API_KEY: "another-key-55e0" })),
    step: "api-key",
    found: /401/,
    advice: /set MULTI_TENANT_SERVICE_API_KEY/
  },
  {
    name: "wrong URL path",
    arrange: changed(({ url }) => ({ MULTI_TENANT_URL: `${url}/wrong` })),
    step: "manager-http",
    found: /404/,
    advice: /set MULTI_TENANT_URL=http:\/\/127\.0\.0\.1:\d+, without the path \/wrong/
  },
  {
    name: "http without opt-in",
    arrange: changed(() => ({ MULTI_TENANT_URL: "http://tenant-manager.example" })),
    step: "variables",
    found: /MULTI_TENANT_URL is invalid: .*MULTI_TENANT_ALLOW_INSECURE_HTTP=true/,
    advice: /set MULTI_TENANT_URL as said/
  },
  {
    name: "expired certificate",
    arrange: withTls(ExpiredCertificate.expired, ExpiredCertificate.ca),
    step: "manager-tls",
    found: /names localhost, 127\.0\.0\.1, .* expires on 2021-01-01; not trusted/,
    advice: /renew the server's certificate, which expired on 2021-01-01/
  },
  {
    name: "wrong CA",
    arrange: withTls(TestCertificates.localhost, TestCertificates.unrelatedCa),
    step: "manager-tls",
    found: /issued by tenant-discovery test CA .* not trusted/,
    advice:
      /MULTI_TENANT_CA_CERT does not hold the root .* must hold that of tenant-discovery test CA/
  },
  {
    name: "certificate for another name",
    arrange: withTls(TestCertificates.wrongName, TestCertificates.ca),
    step: "manager-tls",
    found: /names wrong\.example/,
    advice: /for wrong\.example and not for localhost/
  },
  {
    name: "https to a tenant manager without TLS",
    arrange: changed(({ url }) => ({ MULTI_TENANT_URL: url.replace("http:", "https:") })),
    step: "manager-tls",
    found: /./,
    advice: /if the server speaks no TLS on this port, begin MULTI_TENANT_URL with http:/
  },
  {
    name: "http to a tenant manager with TLS",
    arrange: Effect.map(withTls(TestCertificates.localhost, TestCertificates.ca), ({ env }) => ({
      env: { ...env, MULTI_TENANT_URL: env.MULTI_TENANT_URL.replace("https:", "http:") }
    })),
    step: "manager-http",
    found: /no complete answer/,
    advice: /the scheme \(http or https\) that the server speaks/
  },
  {
    name: "wrong Redis password",
    arrange: changed(() => ({ MULTI_TENANT_REDIS_PASSWORD: "another-password-91bb" }), {
      redis: { password: PASSWORD }
    }),
    step: "redis-auth",
    found: /refuses the default user/,
    advice: /check MULTI_TENANT_REDIS_USERNAME and MULTI_TENANT_REDIS_PASSWORD/
  },
  {
    name: "ACL without SUBSCRIBE",
    arrange: withUser("-subscribe"),
    step: "redis-subscribe",
    found: /NOPERM/,
    advice: /ACL SETUSER events \+subscribe \+ping &tenant-events:staging:/
  },
  {
    name: "ACL without PING",
    arrange: withUser("-ping"),
    step: "redis-ping",
    status: "warning",
    found: /NOPERM/,
    advice: /ACL SETUSER events \+ping/
  },
  {
    name: "TLS to a plain Redis",
    arrange: changed(() => ({ MULTI_TENANT_REDIS_TLS: "true" })),
    step: "redis-tls",
    found: /./,
    advice: /set MULTI_TENANT_REDIS_TLS=false/
  },
  {
    name: "no TLS to a Redis with TLS",
    arrange: changed(({ redis }) => ({ MULTI_TENANT_REDIS_PORT: String(redis.tls?.port) }), {
      redis: { tls: true }
    }),
    step: "redis-tls",
    found: /no Redis without TLS/,
    advice: /set MULTI_TENANT_REDIS_TLS=true/
  },
  {
    name: "wrong environment",
    arrange: Effect.gen(function* () {
      const simulator = yield* simulated()
      const listener = yield* Effect.acquireRelease(
        Effect.sync(() => new Redis(simulator.redis.port, simulator.redis.host)),
        (client) => Effect.sync(() => client.disconnect())
      )
      yield* Effect.promise(() => listener.subscribe("tenant-events:staging:"))
      return { env: { ...simulator.env, ENVIRONMENT_NAME: "stage" } }
    }),
    step: "channel",
    status: "warning",
    found:
      /no other client is subscribed to tenant-events:stage:; others are subscribed to tenant-events:staging:/,
    advice: /check ENVIRONMENT_NAME/
  },
  {
    name: "quoted value",
    arrange: changed(() => ({ ENVIRONMENT_NAME: '"staging"', APPLICATION_NAME: "'ledger'" })),
    step: "variables",
    found: /APPLICATION_NAME is invalid: .*quotes.*\nENVIRONMENT_NAME is invalid: .*quotes/,
    advice: /set APPLICATION_NAME, ENVIRONMENT_NAME as said/
  },
  {
    name: "sentinel down",
    arrange: Effect.gen(function* () {
      const simulator = yield* simulated({ redis: { kind: "native" } })
      const { MULTI_TENANT_REDIS_HOST: _, MULTI_TENANT_REDIS_PORT: __, ...env } = simulator.env
      const { kill, port } = yield* sentinel(simulator.redis)
      const another = yield* sentinel(simulator.redis)
      yield* kill
      const common = { ...env, MULTI_TENANT_REDIS_SENTINEL_NAME: "events" }
      return {
        env: { ...common, MULTI_TENANT_REDIS_SENTINELS: `127.0.0.1:${port}` },
        repaired: { ...common, MULTI_TENANT_REDIS_SENTINELS: `127.0.0.1:${another.port}` }
      }
    }),
    step: "redis-tcp",
    found: /refused/,
    advice: /MULTI_TENANT_REDIS_SENTINELS/
  },
  {
    name: "name that the sentinels do not know",
    arrange: Effect.gen(function* () {
      const simulator = yield* simulated({ redis: { kind: "native" } })
      const { MULTI_TENANT_REDIS_HOST: _, MULTI_TENANT_REDIS_PORT: __, ...env } = simulator.env
      const { port } = yield* sentinel(simulator.redis)
      return {
        env: {
          ...env,
          MULTI_TENANT_REDIS_SENTINELS: `127.0.0.1:${port}`,
          MULTI_TENANT_REDIS_SENTINEL_NAME: "mymaster"
        }
      }
    }),
    step: "redis-topology",
    found: /knows no master mymaster/,
    advice: /MULTI_TENANT_REDIS_SENTINEL_NAME/
  },
  {
    name: "tenant manager returns HTML",
    arrange: answering("<!doctype html><title>Sign in</title>"),
    step: "manager-http",
    found: /HTML page/,
    advice: /MULTI_TENANT_URL leads to a web site, a login page or a gateway/
  },
  {
    name: "list unreadable",
    arrange: answering('[{"id":null},{"id":"?"}]'),
    step: "list",
    found: /none of the 2 elements is readable/,
    advice: /report it to the operators of the tenant manager/
  },
  {
    name: "port closed",
    arrange: Effect.gen(function* () {
      const port = yield* closedPort
      return yield* changed(() => ({ MULTI_TENANT_URL: `http://127.0.0.1:${port}` }))
    }),
    step: "manager-tcp",
    found: /ECONNREFUSED/,
    advice: /nothing listens on 127\.0\.0\.1:\d+/
  },
  {
    name: "DNS gone",
    arrange: changed(() => ({ MULTI_TENANT_URL: "https://tenant-manager.invalid" })),
    step: "manager-dns",
    // An offline machine may wait for its DNS server.
    found: /tenant-manager\.invalid has no address|no answer within/,
    advice: /check the spelling of the host in MULTI_TENANT_URL/
  },
  {
    name: "proxy needed",
    arrange: Effect.gen(function* () {
      const simulator = yield* simulated()
      const login = `user:${PASSWORD}`
      const proxy = yield* proxyTo(simulator.port, login)
      const env = {
        ...simulator.env,
        MULTI_TENANT_URL: `http://127.0.0.1:${yield* silentPort}`
      }
      return { env, repaired: { ...env, HTTP_PROXY: `http://${login}@127.0.0.1:${proxy}` } }
    }),
    step: "manager-tcp",
    found: /no answer within/,
    advice: /only through a proxy, set HTTP_PROXY/
  },
  {
    name: "proxy without its password",
    arrange: Effect.gen(function* () {
      const simulator = yield* simulated()
      const proxy = yield* proxyTo(simulator.port, `user:${PASSWORD}`)
      return { env: { ...simulator.env, HTTP_PROXY: `http://127.0.0.1:${proxy}` } }
    }),
    step: "manager-proxy",
    found: /407/,
    advice: /set the proxy's user and password in HTTP_PROXY/
  },
  {
    name: "clock 10 minutes off",
    arrange: Effect.gen(function* () {
      const port = yield* managerWithClock(-600_000)
      return yield* changed(() => ({ MULTI_TENANT_URL: `http://127.0.0.1:${port}` }))
    }),
    step: "clock",
    found: /this machine is 10m( 1s)? ahead/,
    advice: /NTP/
  },
  {
    name: "replica that is cut off from its master",
    arrange: Effect.gen(function* () {
      const redis = yield* RedisServer.make({
        kind: "native",
        setup: [["REPLICAOF", "127.0.0.1", yield* closedPort]]
      })
      return { env: { ...(yield* simulated()).env, MULTI_TENANT_REDIS_PORT: String(redis.port) } }
    }),
    step: "redis-topology",
    status: "warning",
    found: /cut off from its master/,
    advice: /repair the replication or connect to the master/
  },
  {
    name: "cluster nodes that are no cluster",
    arrange: Effect.gen(function* () {
      const simulator = yield* simulated({ redis: { kind: "native" } })
      const { MULTI_TENANT_REDIS_HOST: _, MULTI_TENANT_REDIS_PORT: __, ...env } = simulator.env
      const cluster = yield* RedisServer.make({
        kind: "native",
        nativeConfig: ["cluster-enabled yes", `dir ${yield* temporaryFolder}`],
        setup: [["CLUSTER", "ADDSLOTSRANGE", 0, 16_383]]
      })
      const nodes = (port: number) => ({
        ...env,
        MULTI_TENANT_REDIS_CLUSTER_NODES: `127.0.0.1:${port}`
      })
      return { env: nodes(simulator.redis.port), repaired: nodes(cluster.port) }
    }),
    step: "redis-topology",
    status: "warning",
    found: /no node of a cluster/,
    advice: /set MULTI_TENANT_REDIS_HOST/
  },
  {
    name: "Redis loading",
    arrange: Effect.gen(function* () {
      const port = yield* loadingRedis
      return yield* changed(() => ({ MULTI_TENANT_REDIS_PORT: String(port) }))
    }),
    step: "redis-ping",
    found: /LOADING/,
    advice: /wait until it is ready/
  },
  {
    name: "version without the prefix /v1",
    arrange: changed(() => ({ MULTI_TENANT_API_PREFIX: "/v1" }), { apiPrefix: "" }),
    step: "manager-http",
    found: /404/,
    advice: /set MULTI_TENANT_API_PREFIX to an empty value/
  }
]

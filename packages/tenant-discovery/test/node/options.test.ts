/** The options of both edges are decoded at construction, and a bad one is named. */
import { describe, expect, it } from "@effect/vitest"
import { Duration, Redacted } from "effect"
import { NodeTenantDiscovery } from "../../src/node.js"
import * as RedisTenantEvents from "../../src/RedisTenantEvents.js"
import { optionsFor, thrownBy } from "../manager/support/clients.js"

const redis = { host: "localhost", port: 1 }
const good = {
  tenantManager: optionsFor("http://localhost:1"),
  redis,
  discovery: { environment: "test" }
}
const SECRET = "hush-hush"

/** The name that the error has, and options that a program without types may pass. */
type Case = readonly [name: string, options: object]

const ofTheTenantManager: ReadonlyArray<Case> = [
  ["service", { service: " " }],
  ["service", { service: "my service" }],
  ["service", { service: '"ledger"' }],
  ["url", { url: "tm.example" }],
  ["apiKey", { apiKey: SECRET }],
  ["apiKey", { apiKey: Redacted.make("") }],
  ["apiPrefix", { apiPrefix: "/v1?x" }],
  ["timeout", { timeout: 0 }],
  ["timeout", { timeout: Number.NaN }],
  ["timeout", { timeout: "soon" }],
  ["listBodyLimit", { listBodyLimit: 0 }],
  ["listBodyLimit", { listBodyLimit: 1.5 }],
  ["maxRetryAfter", { maxRetryAfter: -1 }],
  ["circuitBreaker.threshold", { circuitBreaker: { threshold: -1 } }],
  ["circuitBreaker.resetAfter", { circuitBreaker: { resetAfter: "never" } }]
]

const ofTheEvents: ReadonlyArray<Case> = [
  ["heartbeatInterval", { heartbeatInterval: 0 }],
  ["heartbeatTimeout", { heartbeatTimeout: "0 millis" }],
  ["heartbeatTimeout", { heartbeatTimeout: Duration.infinity }],
  ["connectTimeout", { connectTimeout: -1 }],
  ["backoff.base", { backoff: { base: 0 } }],
  ["backoff.cap", { backoff: { cap: Number.NaN } }]
]

const ofRedis: ReadonlyArray<Case> = [
  ["redis.host", { ...redis, host: " " }],
  ["redis.port", { ...redis, port: 0 }],
  ["redis.port", { ...redis, port: 65_536 }],
  ["redis.tls.ca", { ...redis, tls: { ca: "" } }],
  ["redis.password", { ...redis, password: SECRET }],
  ["redis.cluster.0", { cluster: [] }],
  ["redis.cluster.1.port", { cluster: [redis, { host: "b", port: 1.5 }] }],
  ["redis.name", { sentinels: [redis], name: "" }],
  ["redis.sentinels.0.host", { sentinels: [{ host: "", port: 1 }], name: "m" }],
  ["redis.sentinelPassword", { sentinels: [redis], name: "m", sentinelPassword: SECRET }]
]

const others: ReadonlyArray<Case> = [
  ["environment", { discovery: { environment: '"test"' } }],
  ["environment", { discovery: { environment: " " } }],
  ["massRemovalFraction", { discovery: { environment: "test", massRemovalFraction: 2 } }],
  ["allEnvironments", { allEnvironments: "yes" }],
  ["channel.channel", { channel: { _tag: "Exact", channel: "" } }],
  ["channel.pattern", { channel: { _tag: "Pattern", pattern: " " } }]
]

const all: ReadonlyArray<Case> = [
  ...others,
  ...ofTheEvents.map(([name, events]): Case => [name, { events }]),
  ...ofRedis.map(([name, redis]): Case => [name, { redis }]),
  ...ofTheTenantManager.map(([name, bad]): Case => [
    name,
    { tenantManager: { ...good.tenantManager, ...bad } }
  ])
]

describe("a bad option", () => {
  it.each(all)("%s throws a RangeError that names it: %j", (name, bad) => {
    const calls = [
      () => Reflect.apply(NodeTenantDiscovery.layer, undefined, [{ ...good, ...bad }]),
      () => Reflect.apply(NodeTenantDiscovery.layerConfigWith, undefined, [bad])
    ]
    // `layerConfigWith` takes these options from the environment.
    const isVariable = ["service", "url", "apiKey"].includes(name)
    for (const call of isVariable ? calls.slice(0, 1) : calls) {
      const error = thrownBy(call)
      expect(error).toBeInstanceOf(RangeError)
      expect(String(error)).toContain(`option "${name}": `)
      expect(String(error)).not.toContain(SECRET)
    }
  })

  it("is a missing environment, unless a channel or allEnvironments is given", () => {
    const { discovery: _, ...options } = good
    expect(() => NodeTenantDiscovery.layer(options)).toThrow(
      /^NodeTenantDiscovery: option "discovery\.environment": expected the name/
    )
    NodeTenantDiscovery.layer({ ...options, allEnvironments: true })
    NodeTenantDiscovery.layer({ ...options, channel: { _tag: "Exact", channel: "events" } })
    NodeTenantDiscovery.layerConfigWith({ allEnvironments: false })
  })
})

it.each([
  { heartbeatInterval: Duration.infinity },
  { backoff: { base: "1 milli", cap: 5, resetAfter: 0 } },
  { redis: { ...redis, username: "", password: Redacted.make(""), tls: false } },
  { redis: { ...redis, tls: {} } }
] as const)("RedisTenantEvents accepts %j", (options) => {
  const channel = RedisTenantEvents.channelFor("test")
  expect(() => RedisTenantEvents.layer({ redis, channel, ...options })).not.toThrow()
})

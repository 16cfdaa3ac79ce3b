import { describe, expect, it } from "@effect/vitest"
import { Duration, Redacted } from "effect"
import * as RedisTenantEvents from "tenant-discovery/RedisTenantEvents"
import { channel } from "./support.js"

const redis = { host: "localhost", port: 6379 }

/** What `make` throws for options that a program without types may pass. */
const thrown = (options: object): unknown => {
  try {
    return Reflect.apply(RedisTenantEvents.make, undefined, [{ redis, channel, ...options }])
  } catch (error) {
    return error
  }
}

describe("options of RedisTenantEvents", () => {
  it.each([
    [{ heartbeatInterval: 0 }, "heartbeatInterval"],
    [{ heartbeatTimeout: "0 millis" }, "heartbeatTimeout"],
    [{ heartbeatTimeout: Duration.infinity }, "heartbeatTimeout"],
    [{ connectTimeout: -1 }, "connectTimeout"],
    [{ backoff: { base: 0 } }, "backoff.base"],
    [{ backoff: { cap: Number.NaN } }, "backoff.cap"],
    [{ channel: { _tag: "Exact", channel: "" } }, "channel.channel"],
    [{ channel: { _tag: "Pattern", pattern: " " } }, "channel.pattern"],
    [{ redis: { ...redis, host: " " } }, "redis.host"],
    [{ redis: { ...redis, port: 0 } }, "redis.port"],
    [{ redis: { ...redis, port: 65_536 } }, "redis.port"],
    [{ redis: { ...redis, tls: { ca: "" } } }, "redis.tls.ca"],
    [{ redis: { ...redis, password: "hush-hush" } }, "redis.password"],
    [{ redis: { cluster: [] } }, "redis.cluster.0"],
    [{ redis: { cluster: [redis, { host: "b", port: 1.5 }] } }, "redis.cluster.1.port"],
    [{ redis: { sentinels: [redis], name: "" } }, "redis.name"],
    [{ redis: { sentinels: [{ host: "", port: 1 }], name: "m" } }, "redis.sentinels.0.host"],
    [
      { redis: { sentinels: [redis], name: "m", sentinelPassword: "hush-hush" } },
      "redis.sentinelPassword"
    ]
  ])("%j throws a RangeError that names %s", (options, name) => {
    const error = thrown(options)
    expect(error).toBeInstanceOf(RangeError)
    expect(String(error)).toContain(`RedisTenantEvents: option "${name}": `)
    expect(String(error)).not.toContain("hush-hush")
  })

  it("layer throws at construction", () => {
    expect(() => RedisTenantEvents.layer({ redis, channel, heartbeatInterval: 0 })).toThrow(
      'option "heartbeatInterval"'
    )
  })

  it.each([
    { heartbeatInterval: Duration.infinity },
    { backoff: { base: "1 milli", cap: 5, resetAfter: 0 } },
    { redis: { ...redis, username: "", password: Redacted.make(""), tls: false } },
    { redis: { ...redis, tls: {} } }
  ] as const)("%j is accepted", (options) => {
    expect(() => RedisTenantEvents.make({ redis, channel, ...options })).not.toThrow()
  })
})

import type { RedisSource } from "../redis/connection.js"
import type { Naming } from "../redis/failureMessage.js"
import { hostsOf, isLoopback } from "./host.js"

export interface Wiring {
  readonly naming: Naming
  readonly url: URL
  readonly redis: RedisSource
  /** Whether the events of all environments are received because none is set. */
  readonly everyEnvironment: boolean
  /** The hosts that bypass the proxy; `undefined` without a proxy. */
  readonly noProxy: string | undefined
}

/** Warnings about valid settings that are probably mistakes. Each is logged once at the start. */
export const warnings = (wiring: Wiring): ReadonlyArray<string> => {
  const { everyEnvironment, naming, noProxy = "", redis, url } = wiring
  const named = (option: string, variable: string) => (naming === "options" ? option : variable)
  const isAddress = "host" in redis || "sentinels" in redis || "cluster" in redis
  const plain = isAddress && !redis.tls ? hostsOf(redis) : []
  const remote = plain.find((host) => !isLoopback(host))
  const networks = noProxy.split(/[,\s]+/).filter((entry) => entry.includes("/"))
  return [
    url.protocol === "http:" &&
      !isLoopback(url.hostname) &&
      `the tenant manager at ${url.host} is called over http: the API key and the list of tenants cross the network unencrypted`,
    remote !== undefined &&
      `Redis at ${remote} is reached without TLS: its password and the tenant events cross the network unencrypted; ${named("redis.tls: {}", "MULTI_TENANT_REDIS_TLS=true")} turns TLS on`,
    everyEnvironment &&
      `no environment is set: receiving the tenant events of all environments; set ${named("discovery.environment", "ENVIRONMENT_NAME")} to receive those of one`,
    networks.length > 0 &&
      `${named("transport.noProxy", "NO_PROXY")} has networks, which are not supported and match no host: ${networks.join(", ")}`
  ].filter((warning) => warning !== false)
}

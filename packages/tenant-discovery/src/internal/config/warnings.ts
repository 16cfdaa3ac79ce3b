import { isLoopback } from "./host.js"

/** Whether messages name options or environment variables: whichever the program is configured by. */
export type Naming = "options" | "environment"

export interface Wiring {
  readonly naming: Naming
  readonly url: URL
  /** `undefined` where the program brings its own connection. */
  readonly redis: { readonly hosts: ReadonlyArray<string>; readonly tls: boolean } | undefined
  /** Whether the events of all environments are received because none is set. */
  readonly everyEnvironment: boolean
  /** The hosts that bypass the proxy; `undefined` without a proxy. */
  readonly noProxy: string | undefined
}

/** What is legal and is logged once at the start, since it is probably a mistake. */
export const warnings = (wiring: Wiring): ReadonlyArray<string> => {
  const { everyEnvironment, naming, noProxy = "", redis, url } = wiring
  const named = (option: string, variable: string) => (naming === "options" ? option : variable)
  const remote = redis?.tls === false ? redis.hosts.find((host) => !isLoopback(host)) : undefined
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

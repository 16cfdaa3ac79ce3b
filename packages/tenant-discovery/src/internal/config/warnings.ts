import { isLoopback } from "./host.js"
import * as Variables from "./variables.js"

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
  const { everyEnvironment, naming, redis, url } = wiring
  const option = (name: string, { name: variable }: { readonly name: string }) =>
    naming === "environment" ? variable : name
  const found: Array<string> = []
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    found.push(
      `the tenant manager at ${url.host} is called over http: the API key and the list of tenants ` +
        "cross the network unencrypted"
    )
  }
  const remote = redis?.hosts.find((host) => !isLoopback(host))
  if (redis !== undefined && !redis.tls && remote !== undefined) {
    const on = naming === "environment" ? `${Variables.redis.tls.name}=true` : "redis.tls: {}"
    found.push(
      `Redis at ${remote} is reached without TLS: its password and the tenant events cross the ` +
        `network unencrypted; ${on} turns TLS on`
    )
  }
  if (everyEnvironment) {
    found.push(
      "no environment is set: receiving the tenant events of all environments; set " +
        `${option("discovery.environment", Variables.service.environmentName)} to receive those of one`
    )
  }
  const networks = wiring.noProxy?.split(/[,\s]+/).filter((entry) => entry.includes("/")) ?? []
  if (networks.length > 0) {
    found.push(
      `${option("transport.noProxy", Variables.tenantManager.noProxy)} has networks, which are not supported ` +
        `and match no host: ${networks.join(", ")}`
    )
  }
  return found
}

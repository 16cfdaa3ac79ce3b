import { isLoopback } from "./host.js"
import * as Variables from "./variables.js"

export interface Wiring {
  /** The tenant manager's base URL. One that cannot be parsed is for its client to refuse. */
  readonly url: string | URL
  /** `undefined` where the program brings its own connection: nothing is known about it. */
  readonly redis: { readonly host: string; readonly tls: boolean } | undefined
  /** Whether the channels of every environment are listened to for want of its name. */
  readonly everyEnvironment: boolean
}

/** What is legal and yet to be said once, at the start. */
export const warnings = (wiring: Wiring): ReadonlyArray<string> => {
  const { everyEnvironment, redis } = wiring
  const url = URL.canParse(String(wiring.url)) ? new URL(wiring.url) : undefined
  const found: Array<string> = []
  if (url?.protocol === "http:" && !isLoopback(url.hostname)) {
    found.push(
      `the tenant manager at ${url.host} is called over http: the API key and the list of tenants ` +
        "cross the network unencrypted"
    )
  }
  if (redis !== undefined && !redis.tls && !isLoopback(redis.host)) {
    found.push(
      `Redis at ${redis.host} is reached without TLS: its password and the tenant events cross ` +
        `the network unencrypted; ${Variables.redisTls.name}=true turns TLS on`
    )
  }
  if (everyEnvironment) {
    found.push(
      "no environment is set: listening to the tenant events of every environment; set " +
        `${Variables.environmentName.name} to listen to one`
    )
  }
  return found
}

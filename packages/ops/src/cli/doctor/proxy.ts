/** Whether the tenant manager is reached through a proxy. */
import { Redacted } from "effect"
import type { TenantDiscoveryConfig } from "tenant-discovery"
import { portOf } from "./network.js"

/** The proxy of the settings, unless `NO_PROXY` has the host. */
export const proxyFor = ({
  transport: { noProxy = "", proxy },
  url
}: TenantDiscoveryConfig.TenantManagerSettings): URL | undefined =>
  proxy === undefined || bypasses(noProxy, url) ? undefined : new URL(Redacted.value(proxy))

const bypasses = (noProxy: string, url: URL): boolean =>
  noProxy
    .split(/[,\s]+/)
    .filter((entry) => entry !== "")
    .some((entry) => {
      const [, name = "", port] = /^\*?\.?(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? []
      const host = url.hostname.toLowerCase()
      return (
        entry === "*" ||
        ((port === undefined || Number(port) === portOf(url)) &&
          (host === name || host.endsWith(`.${name}`)))
      )
    })

/** Host names and addresses, without `node:net`: this module runs on any platform. */
import { Either } from "effect"
import { type Parse, port } from "./parse.js"

export interface HostAndPort {
  /** A name or an address; IPv6 without brackets. */
  readonly host: string
  readonly port: number
}

const IPV4_LOOPBACK = /^127\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/

/** The canonical form of an IPv6 address, or `undefined` where it is none. A zone (`%eth0`) is kept. */
const ipv6 = (text: string): string | undefined => {
  const at = text.indexOf("%")
  const [address, zone] = at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at)]
  const url = `http://[${address}]`
  const isAddress = address.includes(":") && zone !== "%" && URL.canParse(url)
  return isAddress ? new URL(url).hostname.slice(1, -1) + zone : undefined
}

/** Whether `host` is on this machine: `localhost`, `127.0.0.0/8`, `::1` with or without brackets. */
export const isLoopback = (host: string): boolean => {
  const name = host.toLowerCase()
  if (name === "localhost") return true
  const ipv4 = IPV4_LOOPBACK.exec(name)
  if (ipv4 !== null) return ipv4.slice(1).every((octet) => Number(octet) <= 255)
  return ipv6(name.startsWith("[") && name.endsWith("]") ? name.slice(1, -1) : name) === "::1"
}

type Hosts = ReadonlyArray<{ readonly host: string }>
type Address = Hosts[number] | { readonly sentinels: Hosts } | { readonly cluster: Hosts }

/** The hosts of one server, of sentinels, or of the nodes of a cluster. */
export const hostsOf = (address: Address): ReadonlyArray<string> => {
  if ("host" in address) return [address.host]
  return ("cluster" in address ? address.cluster : address.sentinels).map(({ host }) => host)
}

const EXPECTED =
  "a host name or an address, alone or as host:port ([address]:port for IPv6), the port from 1 to 65535"

// Loose, since the resolver decides. Refused are characters of a URL that is no host.
const SHAPE = /^(?:\[(?<address>[^\]]*)\]|(?<name>[^\s/\\@?#[\]:%"'<>,;]+))(?::(?<portText>\d+))?$/

/** `host`, `host:port`, `::1`, `[::1]`, `[::1]:port`. Without a port it is `undefined`. */
export const hostAndPort: Parse<{ readonly host: string; readonly port: number | undefined }> = (
  text
) => {
  const whole = text.trim()
  const { address = whole, name, portText } = SHAPE.exec(whole)?.groups ?? {}
  const host = name ?? ipv6(address)
  if (host === undefined) return Either.left(EXPECTED)
  if (portText === undefined) return Either.right({ host, port: undefined })
  return Either.mapBoth(port(portText), {
    onLeft: () => EXPECTED,
    onRight: (port) => ({ host, port })
  })
}

/** `host:port,...`; a port that is left out is `defaultPort`. */
export const hostList =
  (defaultPort: number): Parse<ReadonlyArray<HostAndPort>> =>
  (text) =>
    Either.mapBoth(Either.all(text.split(",").map(hostAndPort)), {
      onLeft: () => "hosts as host:port,host:port ([address]:port for IPv6)",
      onRight: (all) => all.map(({ host, port }) => ({ host, port: port ?? defaultPort }))
    })

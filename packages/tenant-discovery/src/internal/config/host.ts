/** Host names and addresses, without `node:net`: this module runs on any platform. */
import { Either } from "effect"
import { type Parse, port } from "./parse.js"

export interface HostAndPort {
  /** A name or an address; IPv6 without brackets. */
  readonly host: string
  /** Given only where the text had one. */
  readonly port: number | undefined
}

const IPV4_LOOPBACK = /^127\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/

/** The canonical form of an IPv6 address, or `undefined` where it is none. A zone (`%eth0`) is kept. */
const ipv6 = (text: string): string | undefined => {
  const at = text.indexOf("%")
  const address = at === -1 ? text : text.slice(0, at)
  const zone = at === -1 ? "" : text.slice(at)
  if (!address.includes(":") || zone === "%") return undefined
  try {
    return new URL(`http://[${address}]`).hostname.slice(1, -1) + zone
  } catch {
    return undefined
  }
}

/** Whether `host` is on this machine: `localhost`, `127.0.0.0/8`, `::1` with or without brackets. */
export const isLoopback = (host: string): boolean => {
  const name = host.toLowerCase()
  if (name === "localhost") return true
  const ipv4 = IPV4_LOOPBACK.exec(name)
  if (ipv4 !== null) return ipv4.slice(1).every((octet) => Number(octet) <= 255)
  return ipv6(name.startsWith("[") && name.endsWith("]") ? name.slice(1, -1) : name) === "::1"
}

const EXPECTED = "a host name or an address, alone or as host:port ([address]:port for IPv6)"

// Loose, since the resolver decides. Refused are characters of a URL that is no host.
const NAME = /^[^\s/\\@?#[\]:%"'<>,;]+$/
const BRACKETED = /^\[([^\]]*)\](?::(.*))?$/
const URL_LIKE = /^[a-z][a-z0-9+.-]*:\/\//i

/** `host`, `host:port`, `::1`, `[::1]`, `[::1]:port`. */
export const hostAndPort: Parse<HostAndPort> = (text) => {
  const trimmed = text.trim()
  if (URL_LIKE.test(trimmed)) return Either.left(`${EXPECTED}, not a URL`)

  const withPort = (
    host: string,
    portText: string | undefined
  ): Either.Either<HostAndPort, string> =>
    portText === undefined
      ? Either.right({ host, port: undefined })
      : Either.mapBoth(port(portText), {
          onLeft: () => `${EXPECTED}, the port from 1 to 65535`,
          onRight: (port) => ({ host, port })
        })

  const bracketed = BRACKETED.exec(trimmed)
  if (bracketed !== null) {
    const address = ipv6(bracketed[1] ?? "")
    return address === undefined ? Either.left(EXPECTED) : withPort(address, bracketed[2])
  }
  const address = ipv6(trimmed)
  if (address !== undefined) return withPort(address, undefined)
  const [host = "", portText, ...rest] = trimmed.split(":")
  return rest.length === 0 && NAME.test(host) ? withPort(host, portText) : Either.left(EXPECTED)
}

/** `host:port,...`; a port that is left out is `defaultPort`. */
export const hostList =
  (defaultPort: number): Parse<ReadonlyArray<{ readonly host: string; readonly port: number }>> =>
  (text) =>
    Either.mapBoth(Either.all(text.split(",").map(hostAndPort)), {
      onLeft: () => "hosts as host:port,host:port ([address]:port for IPv6)",
      onRight: (all) => all.map(({ host, port }) => ({ host, port: port ?? defaultPort }))
    })

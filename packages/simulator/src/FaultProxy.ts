/** A TCP proxy that injects network faults into its connections. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import { Link, type Direction } from "./internal/link.js"
import { closeServer, listen, listenOnFreePort, loopback } from "./internal/ports.js"

export type { Direction } from "./internal/link.js"

export class FaultProxyError extends Data.TaggedError("FaultProxyError")<{
  readonly message: string
  readonly cause?: unknown
}> {}

export interface FaultProxy {
  readonly host: string
  /** Constant until the scope closes. */
  readonly port: number
  /** The number of open client connections. */
  readonly connections: Effect.Effect<number>
  /** The number of connections accepted so far. */
  readonly accepted: Effect.Effect<number>
  /** Closes every connection on both sides and refuses new ones. */
  readonly cut: Effect.Effect<void>
  /** Refuses new connections; the open ones stay open. */
  readonly refuse: Effect.Effect<void>
  /**
   * Keeps connections open, accepts new ones and forwards nothing: a half-open link. Without a
   * direction, both directions. `resume` forwards the bytes that arrive meanwhile.
   */
  readonly hold: (direction?: Direction) => Effect.Effect<void>
  /** As `hold`, but the bytes that arrive meanwhile are lost. */
  readonly blackhole: (direction?: Direction) => Effect.Effect<void>
  /** Ends every connection with RST on both sides; accepts new ones. */
  readonly reset: Effect.Effect<void>
  /** Limits the rate of each connection, in bytes per second; without a direction, in both. */
  readonly slow: (bytesPerSecond: number, direction?: Direction) => Effect.Effect<void>
  /** Ends each connection, open or future, after this many more bytes in the direction. */
  readonly halve: (bytes: number, direction?: Direction) => Effect.Effect<void>
  /** Ends every fault. Fails only where another process took the port meanwhile. */
  readonly resume: Effect.Effect<void, FaultProxyError>
}

/** A proxy on a free loopback port until the scope closes. The target may start later. */
export const make = (target: {
  readonly host: string
  readonly port: number
}): Effect.Effect<FaultProxy, FaultProxyError, Scope.Scope> =>
  Effect.gen(function* () {
    const links = new Set<Link>()
    let accepted = 0
    let faults: Link["faults"] = {}
    const server = net.createServer({ allowHalfOpen: true }, (client) => {
      accepted++
      const upstream = net.connect({ host: target.host, port: target.port, allowHalfOpen: true })
      const link = new Link(client, upstream, () => links.delete(link))
      links.add(link)
      link.apply(faults)
    })
    const setFaults = (next: Link["faults"]) =>
      Effect.sync(() => {
        faults = next
        for (const link of links) link.apply(faults)
      })
    const destroyAll = (how: "close" | "reset") =>
      Effect.sync(() => {
        for (const link of links) link.destroy(how)
      })
    // Only stops to listen: the callback of `close` waits for the open connections.
    const refuse = Effect.sync(() => {
      if (server.listening) server.close()
    })
    const failed = (cause: NodeJS.ErrnoException) =>
      new FaultProxyError({ message: `The proxy cannot listen: ${cause.message}`, cause })

    yield* Effect.addFinalizer(() => Effect.zipRight(destroyAll("close"), closeServer(server)))
    const port = yield* Effect.mapError(listenOnFreePort(server), failed)
    const both = ["toServer", "toClient"] as const
    const per = <A>(direction: Direction | undefined, value: A) =>
      Object.fromEntries((direction === undefined ? both : [direction]).map((one) => [one, value]))

    return {
      host: loopback,
      port,
      connections: Effect.sync(() => links.size),
      accepted: Effect.sync(() => accepted),
      cut: Effect.zipRight(refuse, destroyAll("close")),
      refuse,
      hold: (direction) =>
        Effect.suspend(() => setFaults({ ...faults, pass: per(direction, "hold") })),
      blackhole: (direction) =>
        Effect.suspend(() => setFaults({ ...faults, pass: per(direction, "drop") })),
      reset: destroyAll("reset"),
      slow: (bytesPerSecond, direction) =>
        Effect.suspend(() =>
          setFaults({ ...faults, bytesPerSecond: per(direction, Math.max(1, bytesPerSecond)) })
        ),
      halve: (bytes, direction) =>
        Effect.suspend(() => setFaults({ ...faults, remaining: per(direction, bytes) })),
      resume: Effect.zipRight(
        setFaults({}),
        Effect.suspend(() => (server.listening ? Effect.void : listen(server, port)))
      ).pipe(Effect.mapError(failed))
    }
  })

/** A TCP proxy that does to connections what networks do. */
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
  /** The same as long as the scope lives. */
  readonly port: number
  /** How many clients are connected through it now. */
  readonly connections: Effect.Effect<number>
  /** How many it has accepted so far. */
  readonly accepted: Effect.Effect<number>
  /** Closes every connection, to both sides, and refuses new ones. */
  readonly cut: Effect.Effect<void>
  /** Refuses new connections; those there are stay. */
  readonly refuse: Effect.Effect<void>
  /**
   * Connections stay open, new ones are accepted, and nothing is forwarded: a half-open link.
   * Without a direction, both. What arrives meanwhile is kept for `resume`.
   */
  readonly hold: (direction?: Direction) => Effect.Effect<void>
  /** As `hold`, but what arrives meanwhile is lost. */
  readonly blackhole: (direction?: Direction) => Effect.Effect<void>
  /** Ends every connection with RST, to both sides; new ones are accepted. */
  readonly reset: Effect.Effect<void>
  /** Forwards at most so many bytes a second on each connection; without a direction, each way. */
  readonly slow: (bytesPerSecond: number, direction?: Direction) => Effect.Effect<void>
  /** Ends each connection, now or later, once so many more bytes have gone that way. */
  readonly halve: (bytes: number, direction?: Direction) => Effect.Effect<void>
  /** Takes every fault back. Fails only when the port was taken while it was refused. */
  readonly resume: Effect.Effect<void, FaultProxyError>
}

/** A proxy on a free loopback port, until the scope closes. The target need not be there yet. */
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
    // Only stops to listen: `close` waits for the connections there are.
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

import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import * as tls from "node:tls"
import type { KeyPair } from "../TestCertificates.js"
import { closeServer, listenOnFreePort } from "./ports.js"

/**
 * Terminates TLS in front of a plain server, on a free port, until the scope closes. The proxy
 * closes a client where the server is unreachable or disconnects.
 */
export const tlsProxy = (
  pair: KeyPair,
  target: { readonly host: string; readonly port: number }
): Effect.Effect<number, NodeJS.ErrnoException, Scope.Scope> =>
  Effect.gen(function* () {
    const sockets = new Set<net.Socket>()
    const server = tls.createServer(
      { cert: pair.cert, key: pair.key, minVersion: "TLSv1.2" },
      (client) => {
        const upstream = net.connect({ host: target.host, port: target.port })
        for (const [one, other] of [
          [client, upstream],
          [upstream, client]
        ] as const) {
          sockets.add(one)
          one.on("error", () => other.destroy())
          one.on("close", () => {
            sockets.delete(one)
            other.destroy()
          })
          one.pipe(other)
        }
      }
    )
    // From the TCP connection on: the close also ends a client during its handshake.
    server.on("connection", (socket: net.Socket) => {
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket))
    })
    server.on("tlsClientError", () => {})
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        for (const socket of sockets) socket.destroy()
        return closeServer(server)
      })
    )
    return yield* listenOnFreePort(server)
  })

/** Names, TCP connections, TLS handshakes and the tunnel through a proxy, each as a scoped effect. */
import { Data, Effect, type Scope } from "effect"
import { lookup } from "node:dns/promises"
import * as http from "node:http"
import * as https from "node:https"
import * as net from "node:net"
import * as tls from "node:tls"

export interface Target {
  readonly host: string
  readonly port: number
}

export const textOf = ({ host, port }: Target): string =>
  `${host.includes(":") ? `[${host}]` : host}:${port}`

/** `code` is that of Node, such as `ECONNREFUSED`, or the class of the error. */
export class NetworkError extends Data.TaggedError("NetworkError")<{
  readonly code: string
  readonly message: string
}> {}

const networkError = (error: unknown): NetworkError => {
  if (!(error instanceof Error)) return new NetworkError({ code: "Error", message: String(error) })
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name
  return new NetworkError({ code, message: error.message === "" ? code : error.message })
}

/** The addresses of a host, as a connection would find them. */
export const resolve = (host: string): Effect.Effect<ReadonlyArray<string>, NetworkError> =>
  Effect.tryPromise({
    try: () => lookup(host, { all: true }),
    catch: networkError
  }).pipe(Effect.map((found) => found.map(({ address }) => address)))

const opened = <S extends net.Socket>(
  event: "connect" | "secureConnect",
  open: () => S
): Effect.Effect<S, NetworkError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => {
        const socket = open()
        // The socket may fail at any time, also after its last use.
        socket.on("error", () => {})
        return socket
      },
      catch: networkError
    }),
    (socket) => Effect.sync(() => socket.destroy())
  ).pipe(
    Effect.tap((socket) =>
      Effect.async<void, NetworkError>((resume) => {
        socket.once(event, () => resume(Effect.void))
        socket.once("error", (error) => resume(networkError(error)))
        socket.once("close", () =>
          resume(new NetworkError({ code: "ECLOSED", message: "the server closed the connection" }))
        )
      })
    )
  )

/** A TCP connection, closed with the scope. */
export const connect = ({
  host,
  port
}: Target): Effect.Effect<net.Socket, NetworkError, Scope.Scope> =>
  opened("connect", () => net.connect({ host, port }))

/** What a server presents in a handshake. */
export interface Presented {
  /** The code of the first check that fails; `undefined` where the certificate is trusted. */
  readonly problem: string | undefined
  /** The names of the certificate. */
  readonly names: ReadonlyArray<string>
  readonly issuer: string
  readonly expires: Date
  readonly protocol: string
}

/**
 * A TLS handshake, which goes on where the certificate is not trusted, so that it can be shown.
 * Nothing is sent over the connection.
 */
export const handshake = (
  { host, port }: Target,
  ca: string | undefined,
  socket?: net.Socket
): Effect.Effect<Presented, NetworkError, Scope.Scope> =>
  opened("secureConnect", () =>
    tls.connect({
      ...(socket === undefined ? { host, port } : { socket }),
      ...(net.isIP(host) === 0 ? { servername: host } : { host }),
      ...(ca === undefined ? {} : { ca }),
      minVersion: "TLSv1.2",
      rejectUnauthorized: false
    })
  ).pipe(
    Effect.map((socket) => {
      const certificate = socket.getPeerCertificate()
      const problem: unknown = socket.authorizationError
      return {
        problem: socket.authorized
          ? undefined
          : problem instanceof Error
            ? problem.message
            : String(problem),
        names: (certificate.subjectaltname ?? `DNS:${certificate.subject.CN}`)
          .split(", ")
          .map((name) => name.replace(/^(?:DNS|IP Address):/, "")),
        issuer: certificate.issuer.CN ?? certificate.issuer.O ?? "an unnamed issuer",
        expires: new Date(certificate.valid_to),
        protocol: socket.getProtocol() ?? "TLS"
      }
    })
  )

/** A connection through a proxy to the target; the code of a refusal is `PROXY_<status>`. */
export const tunnel = (
  proxy: URL,
  target: Target
): Effect.Effect<net.Socket, NetworkError, Scope.Scope> => {
  const login = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`
  return Effect.acquireRelease(
    Effect.sync(() =>
      (proxy.protocol === "https:" ? https : http)
        .request({
          host: proxy.hostname,
          port: portOf(proxy),
          method: "CONNECT",
          path: textOf(target),
          headers: {
            host: textOf(target),
            ...(login === ":"
              ? {}
              : { "proxy-authorization": `Basic ${Buffer.from(login).toString("base64")}` })
          }
        })
        .on("error", () => {})
    ),
    (request) => Effect.sync(() => request.destroy())
  ).pipe(
    Effect.flatMap((request) =>
      Effect.async<net.Socket, NetworkError>((resume) => {
        request.once("error", (error) => resume(networkError(error)))
        request.once("connect", ({ statusCode = 0 }, socket) => {
          if (statusCode === 200) return resume(Effect.succeed(socket))
          socket.destroy()
          const message = `the proxy answered ${statusCode} to CONNECT`
          resume(new NetworkError({ code: `PROXY_${statusCode}`, message }))
        })
        request.end()
      })
    ),
    Effect.tap((socket) => Effect.addFinalizer(() => Effect.sync(() => socket.destroy())))
  )
}

export const portOf = (url: URL): number =>
  url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port)

/** Sends a text, and answers the first bytes that come back. */
export const exchange = (socket: net.Socket, text: string): Effect.Effect<Buffer, NetworkError> =>
  Effect.async((resume) => {
    socket.once("data", (bytes: Buffer) => resume(Effect.succeed(bytes)))
    socket.once("error", (error) => resume(networkError(error)))
    socket.once("close", () =>
      resume(new NetworkError({ code: "ECLOSED", message: "the server closed the connection" }))
    )
    socket.write(text)
  })

/** How `NodeTenantDiscovery` reaches the tenant manager: kept connections, proxies, roots, own clients. */
import { HttpClient } from "@effect/platform"
import { describe, expect } from "@effect/vitest"
import { TestCertificates } from "@tenant-discovery/simulator"
import { Effect, Layer } from "effect"
import { createServer as createHttpServer } from "node:http"
import { createServer as createHttpsServer } from "node:https"
import { connect, type Socket } from "node:net"
import type { Duplex } from "node:stream"
import { NodeTenantDiscovery } from "../../src/node.js"
import { complete, errorOf, type Variables } from "../config/subject.js"
import { clientOf } from "../manager/support/clients.js"
import { serve } from "../manager/support/server.js"
import { build } from "./support.js"
import { listen } from "../support/listen.js"
import { live } from "../support/live.js"

const layer = NodeTenantDiscovery.layerConfigWith({
  discovery: { startRetries: 0, subscribeTimeout: "1 millis" }
})

const from = (url: string, variables: Variables = {}) => ({
  ...complete,
  MULTI_TENANT_REDIS_HOST: "127.0.0.1:1",
  MULTI_TENANT_URL: url,
  ...variables
})

describe("a connection that the server closes instead of answering", () => {
  live("is replaced once, so that the call succeeds", function* () {
    const used = new WeakSet<Socket>()
    const server = yield* serve((request, response) => {
      // A kept connection gets no second answer.
      if (used.has(request.socket)) return void request.socket.destroy()
      used.add(request.socket)
      response.end("[]")
    })
    const { manager } = yield* build(layer, from(server.url))
    for (let call = 0; call < 10; call++) yield* manager.listActiveTenants
    expect(server.connections().opened).toBeGreaterThan(5)
  })

  live("is an outage when the new connection gets no answer either", function* () {
    const server = yield* serve((request) => request.socket.destroy())
    expect(yield* errorOf(build(layer, from(server.url)))).toMatchObject({
      _tag: "TenantManagerUnavailable"
    })
    expect(server.requests).toHaveLength(2)
  })
})

/** A proxy with a password, that forwards by CONNECT, and what it was asked for. */
const proxy = Effect.gen(function* () {
  const seen: Array<string> = []
  const server = createHttpServer((_request, response) => {
    response.writeHead(500)
    response.end()
  })
  server.on("connect", (request, client: Duplex) => {
    seen.push(`${request.url} ${request.headers["proxy-authorization"]}`)
    const [host = "", port] = (request.url ?? "").split(":")
    const upstream = connect(Number(port), host, () => {
      client.write("HTTP/1.1 200 Connection Established\r\n\r\n")
      client.pipe(upstream).pipe(client)
    })
    upstream.on("error", () => client.destroy())
    client.on("error", () => upstream.destroy())
    client.on("close", () => upstream.destroy())
  })
  const port = yield* listen(server)
  return { url: `http://user:hidden@127.0.0.1:${port}`, seen }
})

const AUTHORIZATION = `Basic ${Buffer.from("user:hidden").toString("base64")}`

const secureServer = listen(
  createHttpsServer({
    key: TestCertificates.localhost.key,
    cert: TestCertificates.localhost.cert
  }).on("request", (_request, response) => response.end('[{"id":"acme"}]'))
)

const CA = { MULTI_TENANT_CA_CERT: TestCertificates.ca }

describe("proxies", () => {
  live(
    "are used for the scheme of the URL, by the name in lower case first, with the roots of MULTI_TENANT_CA_CERT",
    function* () {
      const port = yield* secureServer
      const { seen, url } = yield* proxy
      const { discovery } = yield* build(
        layer,
        from(`https://localhost:${port}`, {
          ...CA,
          https_proxy: url,
          HTTPS_PROXY: "http://127.0.0.1:1",
          HTTP_PROXY: "http://127.0.0.1:1"
        })
      )
      expect(yield* discovery.activeTenantIds).toEqual(["acme"])
      expect(seen).toEqual([`localhost:${port} ${AUTHORIZATION}`])
    }
  )

  live("are bypassed for the hosts of NO_PROXY", function* () {
    const port = yield* secureServer
    const { seen, url } = yield* proxy
    yield* build(
      layer,
      from(`https://localhost:${port}`, {
        ...CA,
        HTTPS_PROXY: url,
        NO_PROXY: "a.example, localhost"
      })
    )
    expect(seen).toEqual([])
  })

  live("that cannot be reached are an outage, without their password", function* () {
    const error = yield* errorOf(
      build(layer, from("http://localhost:1", { HTTP_PROXY: "http://user:hidden@127.0.0.1:1" }))
    )
    expect(error).toMatchObject({ _tag: "TenantManagerUnavailable" })
    expect(JSON.stringify(error)).not.toContain("hidden")
  })
})

describe("roots", () => {
  live("are those of MULTI_TENANT_CA_CERT alone", function* () {
    const url = `https://localhost:${yield* secureServer}`
    const { discovery } = yield* build(layer, from(url, CA))
    expect(yield* discovery.activeTenantIds).toEqual(["acme"])
    for (const other of [{}, { MULTI_TENANT_CA_CERT: TestCertificates.unrelatedCa }]) {
      expect(yield* errorOf(build(layer, from(url, other)))).toMatchObject({
        _tag: "TenantManagerUnavailable"
      })
    }
  })
})

live("an HttpClient of the program takes the place of undici", function* () {
  const client = clientOf(() => Effect.succeed(new Response('[{"id":"acme"}]')))
  const own = NodeTenantDiscovery.layerConfigWith({
    httpClient: Layer.succeed(HttpClient.HttpClient, client)
  })
  const { discovery } = yield* build(own, from("https://tm.example"))
  expect(yield* discovery.activeTenantIds).toEqual(["acme"])
})

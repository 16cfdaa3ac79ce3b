/** Two traced services: a ledger with workers over the tenants, and the accounts that it calls. */
import * as NodeSdk from "@effect/opentelemetry/NodeSdk"
import {
  HttpClient,
  HttpRouter,
  HttpServer,
  type HttpServerError,
  HttpServerRequest,
  HttpServerResponse
} from "@effect/platform"
import { NodeHttpClient, NodeHttpServer } from "@effect/platform-node"
import { BatchSpanProcessor, type SpanExporter } from "@opentelemetry/sdk-trace-base"
import { type ConfigError, Effect, Layer, Schedule, type Scope } from "effect"
import { createServer } from "node:http"
import {
  CurrentTenant,
  type TenantDiscovery,
  type TenantId,
  type TenantManagerError,
  TenantWorker
} from "tenant-discovery"
import { NodeTenantDiscovery } from "tenant-discovery/node"
import { tenantOf, withTenantBaggage } from "./baggage.js"
import { makeEventLinks } from "./eventLinks.js"

export const WORKERS = ["balance-sync", "outbox-relay"] as const

/** Receives the calls of the ledger: adds the tenant of their baggage to its own span. */
const receive = Effect.gen(function* () {
  const { headers } = yield* HttpServerRequest.HttpServerRequest
  yield* Effect.annotateCurrentSpan("tenant_id", tenantOf(headers))
  return HttpServerResponse.empty()
})

/** Listens on a free port until the scope closes; gives its address. */
export const serveAccounts = (
  exporter: SpanExporter
): Effect.Effect<string, HttpServerError.ServeError, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* NodeHttpServer.make(createServer, { host: "127.0.0.1", port: 0 })
    const tracing = NodeSdk.layer(() => ({
      resource: { serviceName: "accounts" },
      spanProcessor: new BatchSpanProcessor(exporter)
    }))
    const routes = HttpRouter.empty.pipe(HttpRouter.post("/:worker", receive))
    const listening = Layer.scopedDiscard(server.serve(routes))
    yield* Layer.build(Layer.provide(listening, tracing))
    return HttpServer.formatAddress(server.address)
  })

/**
 * The program: a scheduled and a `perTenant` worker. The run of each calls the accounts, then
 * `onCall` runs.
 */
export const ledger = (options: {
  readonly exporter: SpanExporter
  readonly accounts: string
  readonly onCall: (worker: string, tenant: TenantId) => Effect.Effect<unknown>
}): Layer.Layer<TenantDiscovery, TenantManagerError | ConfigError.ConfigError> => {
  const { linked, processor } = makeEventLinks()

  const call = Effect.fnUntraced(function* (worker: string) {
    const client = withTenantBaggage(yield* HttpClient.HttpClient)
    yield* client.post(`${options.accounts}/${worker}`)
    const { id } = yield* CurrentTenant
    yield* options.onCall(worker, id)
  })

  const [sync, relay] = WORKERS
  const workers = Layer.mergeAll(
    TenantWorker.scheduled({
      name: sync,
      schedule: Schedule.spaced("1 second"),
      run: linked(call(sync))
    }),
    TenantWorker.perTenant({
      name: relay,
      maxTenants: 100,
      run: linked(Effect.zipRight(call(relay), Effect.never))
    })
  )

  const tracing = NodeSdk.layer(() => ({
    resource: { serviceName: "ledger" },
    spanProcessor: [processor, new BatchSpanProcessor(options.exporter)]
  }))

  return workers.pipe(
    Layer.provide(NodeHttpClient.layerUndici),
    Layer.provideMerge(NodeTenantDiscovery.layerConfig),
    Layer.provide(tracing)
  )
}

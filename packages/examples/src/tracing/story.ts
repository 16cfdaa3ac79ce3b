/** Associates tenants with the ledger and records the spans of what follows. */
import type { HttpServerError } from "@effect/platform"
import { ExportResultCode } from "@opentelemetry/core"
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace-base"
import { type RedisServer, Simulator } from "@tenant-discovery/simulator"
import { type ConfigError, ConfigProvider, Context, Effect, Layer, Queue, Stream } from "effect"
import { TenantDiscovery, type TenantManagerError } from "tenant-discovery"
import { ledger, serveAccounts, WORKERS } from "./services.js"

/** Stands for the exporter of your tracing backend. */
const exportTo = (spans: Array<ReadableSpan>): SpanExporter => ({
  export: (batch, done) => {
    spans.push(...batch)
    done({ code: ExportResultCode.SUCCESS })
  },
  shutdown: () => Promise.resolve()
})

const play = Effect.fnUntraced(function* (tenants: ReadonlyArray<string>, exporter: SpanExporter) {
  const simulator = yield* Simulator.make({
    redis: { kind: "embedded" },
    environment: "tracing",
    tenants: [{ id: "acme" }]
  })
  const accounts = yield* serveAccounts(exporter)
  const calls = yield* Queue.unbounded<string>()
  const program = ledger({
    exporter,
    accounts,
    onCall: (worker, tenant) => Queue.offer(calls, `${worker} ${tenant}`)
  })
  const built = yield* Layer.build(program).pipe(
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(simulator.env))))
  )
  const discovery = Context.get(built, TenantDiscovery)
  yield* discovery.view.changes.pipe(
    Stream.filter(({ mode }) => mode === "Live"),
    Stream.runHead
  )

  yield* Effect.forEach(tenants, (id) => simulator.create({ id }), {
    concurrency: "unbounded"
  })
  const missing = new Set(WORKERS.flatMap((worker) => tenants.map((id) => `${worker} ${id}`)))
  while (missing.size > 0) missing.delete(yield* Queue.take(calls))
})

/**
 * Starts the servers and the ledger with one tenant, `acme`, associates the given tenants at once,
 * waits until both workers have called for each of them, and closes everything. Gives all spans.
 */
export const recordSpans = (
  tenants: ReadonlyArray<string>
): Effect.Effect<
  ReadonlyArray<ReadableSpan>,
  | Simulator.SimulatorError
  | RedisServer.RedisServerError
  | HttpServerError.ServeError
  | TenantManagerError
  | ConfigError.ConfigError
> =>
  Effect.suspend(() => {
    const spans: Array<ReadableSpan> = []
    return Effect.as(Effect.scoped(play(tenants, exportTo(spans))), spans)
  })

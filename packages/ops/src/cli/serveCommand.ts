/** `serve`: the operations endpoints and the page, without a worker. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { ConfigProvider, Console, Effect, FiberRef, Layer, Logger, LogLevel, Option } from "effect"
import { NodeTenantDiscovery } from "tenant-discovery/node"
import * as TenantOps from "../TenantOps.js"
import { endsByInterruption } from "./exitCode.js"
import { envFile, withEnvFile } from "./options.js"

const port = Options.integer("port").pipe(
  Options.withDescription("The port; it wins over MULTI_TENANT_OPS_PORT. Default: 9464."),
  Options.optional
)

const host = Options.text("host").pipe(
  Options.withDescription(
    "The host; it wins over MULTI_TENANT_OPS_HOST. Default: 127.0.0.1. Another needs MULTI_TENANT_OPS_TOKEN."
  ),
  Options.optional
)

/** Options of the command line, as the variables with the same meaning. */
const withOptions = (options: {
  readonly port: Option.Option<number>
  readonly host: Option.Option<string>
}) => {
  const given = [
    ["MULTI_TENANT_OPS_PORT", Option.map(options.port, String)],
    ["MULTI_TENANT_OPS_HOST", options.host]
  ] as const
  const entries = given.flatMap(([name, value]) =>
    Option.isSome(value) ? [[name, value.value] as const] : []
  )
  return <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.configProviderWith((variables) =>
      Effect.withConfigProvider(
        effect,
        ConfigProvider.orElse(ConfigProvider.fromMap(new Map(entries)), () => variables)
      )
    )
}

/** A server logs what a person must know, unless `--log-level` asks for more or less. */
const layerLogs = Layer.unwrapEffect(
  Effect.map(FiberRef.get(FiberRef.currentMinimumLogLevel), (level) =>
    level === LogLevel.None ? Logger.minimumLogLevel(LogLevel.Warning) : Layer.empty
  )
)

const serve = Effect.gen(function* () {
  const { url } = yield* TenantOps.TenantOpsServer
  yield* Console.log(`serving ${url}; Ctrl-C ends`)
  return yield* Effect.never
}).pipe(
  Effect.provide(
    TenantOps.layerConfig.pipe(
      Layer.provide(NodeTenantDiscovery.layerConfig),
      Layer.provide(layerLogs)
    )
  )
)

export const serveCommand = Command.make("serve", { envFile, port, host }, (options) =>
  serve.pipe(withOptions(options), withEnvFile(options.envFile), endsByInterruption)
).pipe(Command.withDescription("Serves the page, the health endpoints and the metrics."))

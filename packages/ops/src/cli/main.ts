/** The command line as a whole: the commands, and how errors are shown. */
import * as Command from "@effect/cli/Command"
import * as ValidationError from "@effect/cli/ValidationError"
import { Console, Effect, Layer, Logger, LogLevel } from "effect"
import { createRequire } from "node:module"
import { connectionsCommand } from "./connectionsCommand.js"
import { doctorCommand } from "./doctorCommand.js"
import { listCommand } from "./listCommand.js"
import { layerConsole } from "./output.js"
import { serveCommand } from "./serveCommand.js"
import { watchCommand } from "./watchCommand.js"

const tenantDiscovery = Command.make("tenant-discovery").pipe(
  Command.withDescription("Lists, follows and diagnoses the tenants of a service."),
  Command.withSubcommands([
    listCommand,
    watchCommand,
    connectionsCommand,
    serveCommand,
    doctorCommand
  ])
)

const { version }: { readonly version: string } = createRequire(import.meta.url)(
  "../../package.json"
)

/** Logs go to standard error, and only those that `--log-level` asks for. */
const layerLogs = Layer.merge(
  Logger.replace(Logger.defaultLogger, Logger.withConsoleError(Logger.logfmtLogger)),
  Logger.minimumLogLevel(LogLevel.None)
)

/** Shows an error, unless it has been shown. */
const showError = (error: { readonly _tag: string; readonly message?: unknown }) =>
  error._tag === "DiagnosisFailed" || ValidationError.isValidationError(error)
    ? Effect.void
    : Console.error(
        `tenant-discovery: ${typeof error.message === "string" ? error.message.trim() : error._tag}`
      )

/** Runs a command line: the whole of `process.argv`. Errors are shown and then fail the effect. */
export const run = (argv: ReadonlyArray<string>) =>
  Command.run(tenantDiscovery, { name: "tenant-discovery", version })(argv).pipe(
    Effect.tapError(showError),
    Effect.provide(Layer.merge(layerConsole, layerLogs))
  )

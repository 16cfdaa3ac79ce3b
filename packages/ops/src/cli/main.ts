/** The command line as a whole: the commands, and how errors are shown. */
import * as Command from "@effect/cli/Command"
import * as ValidationError from "@effect/cli/ValidationError"
import { Cause, Console, Effect, Layer, Logger, LogLevel, Option } from "effect"
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

interface AnyError {
  readonly _tag: string
  readonly message?: unknown
}

const textOf = ({ _tag, message }: AnyError): string => {
  const text = typeof message === "string" ? message.trim() : _tag
  const isRemote = _tag.startsWith("TenantManager") && _tag !== "TenantManagerNotFound"
  return isRemote ? `${text}; \`tenant-discovery doctor\` says more` : text
}

/** Shows why a command failed, unless that has been shown. A defect is shown with its stack. */
const showFailure = (cause: Cause.Cause<AnyError>): Effect.Effect<void> => {
  if (Cause.isInterruptedOnly(cause)) return Effect.void
  const error = Option.getOrUndefined(Cause.failureOption(cause))
  if (error === undefined) return Console.error(Cause.pretty(cause))
  return error._tag === "DiagnosisFailed" || ValidationError.isValidationError(error)
    ? Effect.void
    : Console.error(`tenant-discovery: ${textOf(error)}`)
}

/** Runs a command line: the whole of `process.argv`. Errors are shown and then fail the effect. */
export const run = (argv: ReadonlyArray<string>) =>
  Command.run(tenantDiscovery, { name: "tenant-discovery", version })(argv).pipe(
    Effect.tapErrorCause(showFailure),
    Effect.provide(Layer.merge(layerConsole, layerLogs))
  )

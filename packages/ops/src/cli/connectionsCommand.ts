/** `connections`: a tenant's connection settings, without their secrets. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import { Console, Duration, Effect, Redacted } from "effect"
import { TenantId, TenantManager, type TenantManagerError } from "tenant-discovery"
import { layerManager } from "./edges.js"
import { envFile, json, withEnvFile } from "./options.js"
import { printable } from "./output.js"

const MASK = "********"

/** The settings as they are shown: a mask in place of every secret, and durations as texts. */
const shown = (value: unknown): unknown => {
  if (Redacted.isRedacted(value)) return MASK
  if (Duration.isDuration(value)) return Duration.format(value)
  if (Array.isArray(value)) return value.map(shown)
  return typeof value === "object" && value !== null ? fieldsOf(value) : value
}

const fieldsOf = (value: object): object =>
  Object.fromEntries(Object.entries(value).map(([key, field]) => [key, shown(field)]))

/** Indented lines, one a value. */
const linesOf = (value: object, depth: string): ReadonlyArray<string> =>
  Object.entries(value).flatMap(([key, field]: [string, unknown]) => {
    const label = `${depth}${Array.isArray(value) ? "-" : `${printable(key)}:`}`
    return typeof field === "object" && field !== null
      ? [label, ...linesOf(field, `${depth}  `)]
      : [`${label} ${printable(String(field))}`]
  })

/** Prints the settings. Each secret is shown as the same mask, whatever its length. */
export const connections = (
  id: TenantId,
  format: "text" | "json"
): Effect.Effect<void, TenantManagerError, TenantManager> =>
  Effect.gen(function* () {
    const { getConnections } = yield* TenantManager
    const settings = fieldsOf(yield* getConnections(id))
    yield* Console.log(
      format === "json" ? JSON.stringify(settings, null, 2) : linesOf(settings, "").join("\n")
    )
  })

const tenant = Args.text({ name: "tenant" }).pipe(
  Args.withSchema(TenantId.schema),
  Args.withDescription("The tenant's ID, in any spelling.")
)

export const connectionsCommand = Command.make(
  "connections",
  { envFile, json, tenant },
  (options) =>
    connections(options.tenant, options.json ? "json" : "text").pipe(
      Effect.provide(layerManager),
      withEnvFile(options.envFile)
    )
).pipe(Command.withDescription("Shows a tenant's connection settings, with secrets masked."))

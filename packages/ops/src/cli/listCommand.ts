/** `list`: the active tenants, as the tenant manager lists them now. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Console, Effect } from "effect"
import { type Tenant, TenantManager, type TenantManagerError } from "tenant-discovery"
import { layerManager } from "./edges.js"
import { envFile, json, withEnvFile } from "./options.js"
import { counted, printable, table } from "./output.js"

export type ListFormat = "table" | "json" | "ids"

const byId = (a: Tenant, b: Tenant) => (a.id < b.id ? -1 : 1)

/** Prints the tenants, sorted by ID. The total of the table goes to standard error. */
export const list = (format: ListFormat): Effect.Effect<void, TenantManagerError, TenantManager> =>
  Effect.gen(function* () {
    const { listActiveTenants, service } = yield* TenantManager
    const { skipped, tenants } = yield* listActiveTenants
    const sorted = tenants.toSorted(byId)
    switch (format) {
      case "json":
        yield* Console.log(
          JSON.stringify(
            sorted.map(({ id, name }) => ({ id, name: name ?? null })),
            null,
            2
          )
        )
        break
      case "ids":
        if (sorted.length > 0) yield* Console.log(sorted.map(({ id }) => id).join("\n"))
        break
      case "table":
        yield* Console.log(
          table(
            ["ID", "NAME"],
            sorted.map(({ id, name }) => [id, printable(name ?? "-")])
          )
        )
        yield* Console.error(`${counted(sorted.length, "active tenant")} of ${service}`)
    }
    if (skipped > 0) {
      yield* Console.error(
        `left out what could not be read: ${counted(skipped, "element")} of the list`
      )
    }
  })

const quiet = Options.boolean("quiet").pipe(
  Options.withAlias("q"),
  Options.withDescription("Prints the IDs alone, one a line. It wins over --json.")
)

export const listCommand = Command.make("list", { envFile, json, quiet }, (options) =>
  list(options.quiet ? "ids" : options.json ? "json" : "table").pipe(
    Effect.provide(layerManager),
    withEnvFile(options.envFile)
  )
).pipe(Command.withDescription("Lists the active tenants."))

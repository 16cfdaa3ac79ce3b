/**
 * `npm run docs:configuration`: writes `docs/configuration.md` from the docstrings of the options and
 * from `.env.reference`. A test holds the file equal to what this makes.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const workspace = join(dirname(fileURLToPath(import.meta.url)), "../../../..")
export const file = join(workspace, "docs/configuration.md")

const read = (path: string): string => readFileSync(join(workspace, path), "utf8")

interface Source {
  readonly title: string
  readonly path: string
  /** The names of the interfaces that declare the options. */
  readonly interfaces: ReadonlyArray<string>
}

/** Paths are relative to `packages`. */
const source = (title: string, path: string, ...interfaces: ReadonlyArray<string>): Source => ({
  title,
  path: `packages/${path}`,
  interfaces
})

const ofLibrary = (title: string, path: string, ...interfaces: ReadonlyArray<string>) =>
  source(title, `tenant-discovery/src/${path}`, ...interfaces)

export const sources: ReadonlyArray<Source> = [
  ofLibrary("`NodeTenantDiscovery.layer`", "NodeTenantDiscovery.ts", "NodeTenantDiscoveryOptions"),
  ofLibrary(
    "`TenantDiscovery.layer`, and `discovery` of `NodeTenantDiscovery.layer`",
    "TenantDiscoveryOptions.ts",
    "TenantDiscoveryOptions"
  ),
  ofLibrary(
    "`TenantManager.layer`, and `tenantManager` of `NodeTenantDiscovery.layer`",
    "internal/http/defaults.ts",
    "TenantManagerOptions"
  ),
  ofLibrary(
    "`RedisTenantEvents.layer`; all but the first two: `events` of `NodeTenantDiscovery.layer`",
    "RedisTenantEvents.ts",
    "RedisTenantEventsOptions"
  ),
  ofLibrary(
    "`transport` of `NodeTenantDiscovery.layer`",
    "internal/http/undiciClient.ts",
    "TransportOptions"
  ),
  ofLibrary("`TenantWorker.scheduled`", "internal/worker/workerOptions.ts", "ScheduledOptions"),
  ofLibrary("`TenantWorker.perTenant`", "internal/worker/workerOptions.ts", "PerTenantOptions"),
  ofLibrary("`TenantConnections.layer`", "TenantConnections.ts", "TenantConnectionsOptions"),
  ofLibrary("`TenantLayers.Service`", "TenantLayers.ts", "TenantLayersOptions", "ServiceOptions"),
  ofLibrary("`TenantHealth.layer`", "TenantHealth.ts", "TenantHealthOptions"),
  ofLibrary(
    "`TenantAssignment.layerStatic`",
    "internal/assignment/staticAssignment.ts",
    "StaticAssignmentOptions"
  ),
  source(
    "`ClusterAssignment.layer` of `@tenant-discovery/cluster`",
    "cluster/src/internal/options.ts",
    "ClusterAssignmentOptions"
  ),
  source(
    "`TenantOps.layer` of `@tenant-discovery/ops`; `token` also of `TenantOps.routes`",
    "ops/src/internal/opsOptions.ts",
    "TenantOpsRoutesOptions",
    "TenantOpsOptions"
  )
]

/** A docstring as one line; a list in it becomes sentences. */
const oneLine = (comment: string): string =>
  comment
    .replaceAll(/^\s*\/?\*+\/?/gm, "")
    .replaceAll(/\{@link ([^}]+)\}/g, "`$1`")
    .replaceAll(/\s+/g, " ")
    .replaceAll("|", "\\|")
    .replaceAll(/ - (?=`|A |One )/g, " ")
    .replace(/\*\/\s*$/, "")
    .trim()

/** The options of an interface, with their docstrings, as they stand in the source. */
export const optionsOf = (
  path: string,
  name: string
): ReadonlyArray<{ readonly name: string; readonly text: string }> => {
  const source = read(path)
  const start = source.search(new RegExp(`^export interface ${name}\\b`, "m"))
  if (start < 0) throw new Error(`${path} has no interface ${name}`)
  const body = source.slice(start, source.indexOf("\n}\n", start))
  return [...body.matchAll(/^ {2}(?:(\/\*\*(?:(?!\*\/).)*\*\/)\n {2})?readonly (\w+)\??:/gms)].map(
    ([, comment = "", option = ""]) => ({ name: option, text: oneLine(comment) })
  )
}

const optionTable = ({ interfaces, path, title }: Source): string => {
  const rows = interfaces
    .flatMap((name) => optionsOf(path, name))
    .map(({ name, text }) => `| \`${name}\` | ${text} |`)
  return [`### ${title}`, "", "| option | meaning |", "|---|---|", ...rows, ""].join("\n")
}

/** The sections of `.env.reference`, as tables. */
const variableTables = (): string =>
  read(".env.reference")
    .split(/^# ---- (.*) ----$/gm)
    .slice(1)
    .map((part, at) => {
      if (at % 2 === 0) return `### ${part}\n`
      const rows = part
        .split("\n\n")
        .filter((block) => /^# \w+=/m.test(block))
        .map((block) => {
          const lines = block.trim().split("\n")
          const names = lines
            .map((line) => /^# (\w+)=/.exec(line)?.[1])
            .filter((name) => name !== undefined)
          const text = lines
            .filter((line) => !/^# \w+=/.test(line))
            .map((line) => line.replace(/^# ?/, ""))
            .join(" ")
          const [, meaning = "", type = "", unset = ""] =
            /^(.*?) type: +(.*?) default: +(.*)$/.exec(text) ?? []
          const cells = [meaning, type, unset].map((cell) => cell.replaceAll("|", "\\|").trim())
          return `| ${names.map((name) => `\`${name}\``).join(", ")} | ${cells.join(" | ")} |`
        })
      return ["| variable | meaning | type | default |", "|---|---|---|---|", ...rows, ""].join(
        "\n"
      )
    })
    .join("\n")

export const configuration = (): string => `# Configuration

Generated by \`npm run docs:configuration\` from the docstrings of the options and from
[.env.reference](../.env.reference).

A bad option throws a \`RangeError\` when the layer is constructed. It names the option, what was expected and
the value, unless the value may be a secret. A bad or missing variable is a \`ConfigError\` when the layer is
built; it names all of them, one a line. A duration is a \`Duration.DurationInput\` of Effect, such as
\`"10 seconds"\`; a variable that is one is a number of seconds.

## Variables

\`NodeTenantDiscovery.layerConfig\` reads the first five groups. \`TenantConnections.layerConfig\`,
\`TenantLayers\`' \`layerConfig\`, \`TenantAssignment.layerStaticConfig\` and \`TenantOps.layerConfig\` read their
own. A blank value counts as unset, except for \`MULTI_TENANT_API_PREFIX\`.

${variableTables()}
## Options

${sources.map(optionTable).join("\n")}`

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(file, configuration())
  console.log(`${existsSync(file) ? "wrote" : "could not write"} docs/configuration.md`)
}

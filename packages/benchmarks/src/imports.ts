/** Row 15: how long a program waits for the modules, as they are published. */
import { execFile } from "node:child_process"
import { mkdir, rm } from "node:fs/promises"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { promisify } from "node:util"
import { Effect } from "effect"
import { atMost, figure, type Figure } from "./harness/figure.js"
import { interleave } from "./harness/rounds.js"

const run = promisify(execFile)
const root = fileURLToPath(new URL("../../..", import.meta.url))
const require = createRequire(import.meta.url)
const compiler = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc")

/** Milliseconds from the first import to the last, in a fresh process. */
const importTime = (modules: ReadonlyArray<string>) => async (): Promise<number> => {
  const program = [
    "const start = performance.now()",
    ...modules.map((module) => `await import(${JSON.stringify(module)})`),
    "console.log(performance.now() - start)"
  ].join("\n")
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", program], {
    cwd: dirname(fileURLToPath(import.meta.url))
  })
  return Number(stdout)
}

/** The library compiled as it is published, out of the way of any other build. */
const compile = async (): Promise<string> => {
  const out = join(root, "node_modules", ".cache", "tenant-discovery-benchmarks")
  await rm(out, { recursive: true, force: true })
  await mkdir(out, { recursive: true })
  const project = join(root, "packages", "tenant-discovery", "tsconfig.build.json")
  await run(process.execPath, [
    compiler,
    "-p",
    project,
    "--outDir",
    out,
    "--tsBuildInfoFile",
    join(out, ".tsbuildinfo")
  ])
  return out
}

export const imports: Effect.Effect<ReadonlyArray<Figure>, unknown> = Effect.promise(async () => {
  const built = await compile()
  const entry = (name: string) => pathToFileURL(join(built, name)).href
  const rounds = { rounds: 7, warmUp: 1 }
  const alone = await interleave(
    { ours: importTime([entry("index.js")]), theirs: importTime(["effect"]) },
    rounds
  )
  const node = await interleave(
    {
      ours: importTime([entry("node.js")]),
      theirs: importTime(["effect", "@effect/platform-node", "ioredis"])
    },
    rounds
  )
  const heading = { row: 15, unit: "ms", reach: atMost(1.15) }
  return [
    figure({ ...heading, name: "import of tenant-discovery", baseline: "effect" }, alone),
    figure(
      {
        ...heading,
        name: "import of tenant-discovery/node",
        baseline: "effect + @effect/platform-node + ioredis"
      },
      node
    )
  ]
})

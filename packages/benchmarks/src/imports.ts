/** Row 15: the import time of the modules that `npm run build` writes. */
import { execFile } from "node:child_process"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { Effect } from "effect"
import { atMost, figure, type Figure } from "./harness/figure.js"
import { interleave } from "./harness/rounds.js"

const run = promisify(execFile)

/** Milliseconds of the imports in a new process. */
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

export const imports: Effect.Effect<ReadonlyArray<Figure>, unknown> = Effect.promise(async () => {
  const rounds = { rounds: 7, warmUp: 1 }
  const alone = await interleave(
    { ours: importTime(["tenant-discovery"]), theirs: importTime(["effect"]) },
    rounds
  )
  const node = await interleave(
    {
      ours: importTime(["tenant-discovery/node"]),
      theirs: importTime(["effect", "@effect/platform-node", "ioredis"])
    },
    rounds
  )
  const heading = { row: 15, unit: "ms", budget: atMost(1.2) }
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

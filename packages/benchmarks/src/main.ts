/**
 * `npm run bench`: the table of figures, each against a baseline in the same run.
 *
 * - `--only listener,view` or `--only 7,8`: groups or rows
 * - `--json FILE`: the figures as JSON too
 */
import { writeFile } from "node:fs/promises"
import { parseArgs } from "node:util"
import { Effect } from "effect"
import { answerOf, spawn } from "./harness/childProcess.js"
import type { Figure } from "./harness/figure.js"
import { machine, report, table } from "./harness/report.js"
import { versions } from "./harness/versions.js"
import { type GroupName, groups, isGroupName } from "./groups.js"

/** Each group runs in a process of its own: what one has compiled or kept is not the next one's burden. */
const runGroup = async (name: GroupName): Promise<ReadonlyArray<Figure>> => {
  const child = spawn("../main.js", ["--group", name])
  const figures = await answerOf<ReadonlyArray<Figure>>(child)
  child.disconnect()
  return figures
}

/** In the child. */
const answer = async (name: GroupName): Promise<void> => {
  const figures = await Effect.runPromise(await groups[name].load())
  process.send?.(figures)
  process.once("disconnect", () => process.exit(0))
}

const wanted = (only: ReadonlyArray<string>): ReadonlyArray<GroupName> => {
  const names = Object.keys(groups).filter(isGroupName)
  const unknown = only.filter(
    (word) =>
      !isGroupName(word) && !names.some((name) => groups[name].rows.map(String).includes(word))
  )
  if (unknown.length > 0) {
    throw new RangeError(
      `--only ${unknown.join(",")}: expected rows, 1 to 15, or groups: ${names.join(", ")}`
    )
  }
  return names.filter(
    (name) =>
      only.length === 0 ||
      only.includes(name) ||
      groups[name].rows.some((row) => only.includes(String(row)))
  )
}

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true },
      json: { type: "string" },
      // How it calls itself.
      group: { type: "string" },
      memory: { type: "string" },
      url: { type: "string" }
    }
  })
  if (values.memory !== undefined && values.url !== undefined) {
    const { peakMemory } = await import("./bootstrap.js")
    process.send?.(await peakMemory(values.memory === "ours" ? "ours" : "theirs", values.url))
    return
  }
  if (values.group !== undefined && isGroupName(values.group)) return answer(values.group)
  const only = (values.only ?? []).flatMap((list) => list.split(",")).map((word) => word.trim())
  const start = performance.now()
  const figures: Array<Figure> = []
  for (const name of wanted(only)) {
    const began = performance.now()
    const found = await runGroup(name)
    console.error(`${name}: ${Math.round((performance.now() - began) / 1000)} s`)
    figures.push(
      ...found.filter(
        ({ row }) => only.length === 0 || only.includes(name) || only.includes(String(row))
      )
    )
  }
  figures.sort((a, b) => a.row - b.row)
  const seconds = Math.round((performance.now() - start) / 1000)
  const of = Object.entries(versions()).map(([name, version]) => `${name} ${version}`)
  console.log(`${machine()}; ${of.join(", ")}; ${seconds} s\n`)
  console.log(table(figures))
  if (values.json !== undefined) {
    const full = report(figures, { seconds, versions: versions() })
    await writeFile(values.json, `${JSON.stringify(full, undefined, 2)}\n`)
  }
}

await main()

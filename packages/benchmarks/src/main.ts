/**
 * `npm run bench`: measures every row of the table of budgets against a baseline in the same run.
 * Progress goes to stderr; the table (Markdown) and the verdict go to stdout. Exit code 1 where a
 * budget is missed.
 *
 * - `--only listener,view` or `--only 7,8`: these groups or rows; `scale-out` (17 to 20) runs only so
 * - `--json FILE`: also writes the figures as JSON
 */
import { writeFile } from "node:fs/promises"
import { parseArgs } from "node:util"
import { Effect } from "effect"
import { answerOf, spawn } from "./harness/childProcess.js"
import type { Figure } from "./harness/figure.js"
import { machine, report, table, verdict } from "./harness/report.js"
import { versions } from "./harness/versions.js"
import { type GroupName, groupNames, groups, isGroupName, rowsOf, runsByDefault } from "./groups.js"

/** A group runs in its own process: neither its heap nor its compiled code affects the next. */
const runGroup = async (name: GroupName): Promise<ReadonlyArray<Figure>> => {
  const child = spawn("../main.js", ["--group", name])
  const figures = await answerOf<ReadonlyArray<Figure>>(child)
  child.disconnect()
  return figures
}

/** In the child process. */
const answer = async (name: GroupName): Promise<void> => {
  const figures = await Effect.runPromise(await groups[name].load())
  process.send?.(figures)
  process.once("disconnect", () => process.exit(0))
}

const selected = (only: ReadonlyArray<string>): ReadonlyArray<GroupName> => {
  const unknown = only.filter(
    (word) => !isGroupName(word) && !groupNames.some((name) => rowsOf(name).includes(Number(word)))
  )
  if (unknown.length > 0) {
    throw new RangeError(
      `--only ${unknown.join(",")}: expected rows (1 to 20) or groups (${groupNames.join(", ")})`
    )
  }
  return groupNames.filter(
    (name) =>
      (only.length === 0 && runsByDefault(name)) ||
      only.includes(name) ||
      rowsOf(name).some((row) => only.includes(String(row)))
  )
}

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true },
      json: { type: "string" },
      // For its own child processes.
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
  const names = selected(only)
  const start = performance.now()
  const figures: Array<Figure> = []
  for (const [index, name] of names.entries()) {
    const began = performance.now()
    const rows = Object.entries(groups[name].rows).map(([row, what]) => `#${row} ${what}`)
    process.stderr.write(`[${index + 1}/${names.length}] ${name}: ${rows.join(", ")} `)
    const found = await runGroup(name)
    process.stderr.write(` ${Math.round((performance.now() - began) / 1000)} s\n`)
    figures.push(
      ...found.filter(
        ({ row }) => only.length === 0 || only.includes(name) || only.includes(String(row))
      )
    )
  }
  figures.sort((a, b) => a.row - b.row)
  const seconds = Math.round((performance.now() - start) / 1000)
  const of = Object.entries(versions()).map(([name, version]) => `${name} ${version}`)
  console.log(`\n${machine()}; ${of.join(", ")}; ${seconds} s\n`)
  console.log(table(figures))
  const { missed, text } = verdict(figures)
  console.log(`\n${text}`)
  if (values.json !== undefined) {
    const full = report(figures, { seconds, versions: versions() })
    await writeFile(values.json, `${JSON.stringify(full, undefined, 2)}\n`)
  }
  if (missed) process.exitCode = 1
}

await main()

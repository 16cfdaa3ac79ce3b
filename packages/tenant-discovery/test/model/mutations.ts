/**
 * Shows that the model is awake: breaks the core in twelve known ways, each in a
 * copy of its own, and expects the model to catch every one. `--runs N` histories
 * each, 300 by default. Ends with 1 where one got away.
 */
import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

interface Mutation {
  readonly what: string
  readonly edits: ReadonlyArray<{
    readonly file: string
    readonly from: string
    readonly to: string
  }>
}

const machine = "internal/machine.ts"

const mutation = (what: string, file: string, from: string, to: string): Mutation => ({
  what,
  edits: [{ file, from, to }]
})

const mutations: ReadonlyArray<Mutation> = [
  {
    what: "lists before it subscribes",
    edits: [
      {
        file: "internal/discovery.ts",
        from: "    yield* events.subscribe(inbox)\n",
        to: "    const listing = yield* listAtStart\n    yield* events.subscribe(inbox)\n"
      },
      {
        file: "internal/discovery.ts",
        from: "    const listing = yield* listAtStart\n    machine",
        to: "    machine"
      },
      {
        file: machine,
        from: "    this.reconciled = false\n    this.schedule.want(now.mono)\n",
        to: "    this.reconciled = this.subscription === 1\n    if (!this.reconciled) this.schedule.want(now.mono)\n"
      }
    ]
  },
  mutation(
    "no list after the subscription is back",
    machine,
    "    this.reconciled = false\n    this.schedule.want(now.mono)\n",
    "    this.reconciled = true\n"
  ),
  mutation(
    "no memory of what events said during a list",
    machine,
    "decided: list.decided,",
    "decided: new Set(),"
  ),
  mutation(
    "an add is told twice",
    "internal/tableEditor.ts",
    "if (slot >= 0 && this.historyAt(slot).present) return\n    this.place",
    "if (slot >= 0 && this.historyAt(slot).present) this.size--\n    this.place"
  ),
  mutation("no guard", "internal/massRemoval.ts", "  missing > 0 &&\n", "  missing < 0 &&\n"),
  mutation(
    "a good list does not end the doubt",
    machine,
    "this.doubted = judgement.doubted\n",
    "this.doubted = judgement.doubted ?? this.doubted\n"
  ),
  mutation(
    "Live with any list, from before the subscription too",
    machine,
    "if (this.subscribed && list.subscription === this.subscription)",
    "if (this.subscribed)"
  ),
  mutation(
    "as fresh as the answer, not as the question",
    machine,
    "this.knownAsOf(list.startedAt, now)",
    "this.knownAsOf(now.mono, now)"
  ),
  mutation(
    "no list at an interval",
    machine,
    "if (interval > 0) this.schedule.want",
    "if (interval < 0) this.schedule.want"
  ),
  mutation(
    "two lists at once",
    machine,
    "return this.under === undefined\n",
    "return this.under === undefined || this.waiters.length > 0\n"
  ),
  mutation(
    "a failed list is not tried again",
    "internal/listSchedule.ts",
    "    this.want(now)\n",
    ""
  ),
  mutation(
    "still subscribed after a loss",
    machine,
    "    if (!this.subscribed) return\n    this.subscribed = false\n",
    "    if (!this.subscribed) return\n"
  )
]

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, "../..")

const runs = (): string => {
  const at = process.argv.indexOf("--runs")
  return at < 0 ? "300" : (process.argv[at + 1] ?? "300")
}

/** The first line of what the model said, or nothing where it saw nothing wrong. */
const caught = ({ edits }: Mutation): string | undefined => {
  // Inside the package, so that the copy finds the same dependencies.
  const copy = mkdtempSync(join(root, "dist/.mutant-"))
  try {
    cpSync(join(root, "src"), join(copy, "src"), { recursive: true })
    cpSync(here, join(copy, "test/model"), { recursive: true })
    for (const { file, from, to } of edits) {
      const path = join(copy, "src", file)
      const source = readFileSync(path, "utf8")
      if (!source.includes(from)) throw new Error(`${file} no longer has: ${from}`)
      writeFileSync(path, source.replace(from, to))
    }
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["--import", "tsx", join(copy, "test/model/run.ts"), "--runs", runs(), "--seed", "1"],
      { encoding: "utf8", cwd: root, timeout: 600_000 }
    )
    if (status === 0) return undefined
    if (!stdout.includes("(seed")) throw new Error(`the model did not run: ${stderr}`)
    return stdout.split("\n")[0]
  } finally {
    rmSync(copy, { recursive: true })
  }
}

mkdirSync(join(root, "dist"), { recursive: true })
let escaped = 0
for (const mutation of mutations) {
  const law = caught(mutation)
  if (law === undefined) escaped++
  process.stdout.write(
    `${law === undefined ? "ESCAPED" : "caught "}  ${mutation.what}: ${law ?? ""}\n`
  )
}
process.exitCode = escaped === 0 ? 0 : 1

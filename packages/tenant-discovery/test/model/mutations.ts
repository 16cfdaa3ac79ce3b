/**
 * Shows that the model is awake: breaks the core in twelve known ways, each in a
 * copy of its own, and expects the model to catch every one. `--runs N` histories
 * each, 300 by default. Ends with 1 where one got away.
 */
import { spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

interface Mutation {
  readonly what: string
  readonly file: string
  readonly from: string
  readonly to: string
}

const machine = "internal/machine.ts"

const mutations: ReadonlyArray<Mutation> = [
  {
    what: "lists before it subscribes",
    file: "internal/discovery.ts",
    from: "    yield* events.subscribe(inbox)\n",
    to: "    const early = yield* manager.listActiveTenants\n    yield* events.subscribe(inbox)\n"
  },
  {
    what: "no list after the subscription is back",
    file: machine,
    from: "    this.reconciled = false\n    this.schedule.want(now.mono)\n",
    to: "    this.reconciled = true\n"
  },
  {
    what: "no memory of what events said during a list",
    file: machine,
    from: "decided: list.decided,",
    to: "decided: new Set(),"
  },
  {
    what: "an add is told twice",
    file: "internal/tableEditor.ts",
    from: "if (slot >= 0 && this.historyAt(slot).present) return\n    this.place",
    to: "if (slot >= 0 && this.historyAt(slot).present) this.size--\n    this.place"
  },
  {
    what: "no guard",
    file: "internal/massRemoval.ts",
    from: "  missing > 0 &&\n",
    to: "  missing < 0 &&\n"
  },
  {
    what: "a list in doubt is believed by the next, whatever that one has",
    file: "internal/massRemoval.ts",
    from: "if (!isMass(unconfirmed, size, settings))",
    to: "if (doubted !== undefined || !isMass(unconfirmed, size, settings))"
  },
  {
    what: "Live with any list, from before the subscription too",
    file: machine,
    from: "if (this.subscribed && list.subscription === this.subscription)",
    to: "if (this.subscribed)"
  },
  {
    what: "as fresh as the answer, not as the question",
    file: machine,
    from: "this.knownAsOf(list.startedAt, now)",
    to: "this.knownAsOf(now.mono, now)"
  },
  {
    what: "no list at an interval",
    file: machine,
    from: "if (interval > 0) this.schedule.want",
    to: "if (interval < 0) this.schedule.want"
  },
  {
    what: "two lists at once",
    file: machine,
    from: "return this.under === undefined\n",
    to: "return this.under === undefined || this.waiters.length > 0\n"
  },
  {
    what: "a failed list is not tried again",
    file: "internal/listSchedule.ts",
    from: "    this.want(now)\n",
    to: ""
  },
  {
    what: "still subscribed after a loss",
    file: machine,
    from: "    if (!this.subscribed) return\n    this.subscribed = false\n",
    to: "    if (!this.subscribed) return\n"
  },
  {
    what: "the subscription outlives the scope",
    file: "internal/discovery.ts",
    from: "yield* events.subscribe(inbox)",
    to: "yield* Effect.scopeWith(() => Effect.flatMap(Scope.make(), (own) => Scope.extend(events.subscribe(inbox), own)))"
  }
]

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, "../..")

const runs = (): string => {
  const at = process.argv.indexOf("--runs")
  return at < 0 ? "300" : (process.argv[at + 1] ?? "300")
}

/** The first line of what the model said, or nothing where it saw nothing wrong. */
const caught = ({ file, from, to }: Mutation): string | undefined => {
  // Inside the package, so that the copy finds the same dependencies.
  const copy = mkdtempSync(join(root, ".mutant-"))
  try {
    cpSync(join(root, "src"), join(copy, "src"), { recursive: true })
    cpSync(here, join(copy, "test/model"), { recursive: true })
    const path = join(copy, "src", file)
    const source = readFileSync(path, "utf8")
    if (source.split(from).length !== 2)
      throw new Error(`${file} has no longer exactly one: ${from}`)
    writeFileSync(path, source.replace(from, to))
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["--import", "tsx", join(copy, "test/model/run.ts"), "--runs", runs(), "--seed", "1"],
      { encoding: "utf8", cwd: root, timeout: 600_000 }
    )
    if (status === 0) return undefined
    return (stdout + stderr).split("\n")[0] ?? "it did not end"
  } finally {
    rmSync(copy, { recursive: true })
  }
}

let escaped = 0
for (const mutation of mutations) {
  const law = caught(mutation)
  if (law === undefined) escaped++
  process.stdout.write(
    `${law === undefined ? "ESCAPED" : "caught "}  ${mutation.what}: ${law ?? ""}\n`
  )
}
process.exitCode = escaped === 0 ? 0 : 1

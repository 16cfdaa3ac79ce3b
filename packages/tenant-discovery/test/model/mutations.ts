/**
 * Shows that the model is awake: breaks the core in known ways, each in a copy of
 * its own, and expects random histories to notice each of the twelve, and the story
 * that is kept for it to break. Ends with 1 where one got away.
 *
 * `--runs N` histories at the most for each (500), from `--seed S` (1); `--only TEXT`
 * takes those with the text in their name; `--tell` shrinks and tells what was found,
 * to be kept in `stories.ts`.
 */
import { Schema } from "effect"
import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Mutant, once, twelve } from "./mutants.js"

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, "../..")

const after = (flag: string, otherwise: string): string => {
  const at = process.argv.indexOf(flag)
  return at < 0 ? otherwise : (process.argv[at + 1] ?? otherwise)
}
const runs = Number(after("--runs", "500"))
const seed = after("--seed", "1")
const telling = process.argv.includes("--tell") ? "tell" : "as found"

const decode = Schema.decodeUnknownSync(
  Schema.parseJson(
    Schema.Struct({ story: Schema.NullOr(Schema.String), report: Schema.NullOr(Schema.String) })
  )
)

/** An edit that no longer fits would leave the core whole, and look like a model that sleeps. */
const broken = (source: string, { file, from, to }: Mutant["edits"][number]): string => {
  const parts = source.split(from)
  if (parts.length === 2) return parts.join(to)
  throw new Error(`${file} has ${parts.length - 1} times, and should have once: ${from}`)
}

/** What the model said of the core with these edits. */
const tried = ({ edits, story }: Mutant, histories: number) => {
  // Inside the package, so that the copy finds the same dependencies.
  const copy = mkdtempSync(join(root, "dist/.mutant-"))
  try {
    cpSync(join(root, "src"), join(copy, "src"), { recursive: true })
    cpSync(here, join(copy, "test/model"), { recursive: true })
    for (const edit of edits) {
      const path = join(copy, "src", edit.file)
      writeFileSync(path, broken(readFileSync(path, "utf8"), edit))
    }
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [
        "--import",
        "tsx",
        join(copy, "test/model/mutant.ts"),
        story,
        String(histories),
        seed,
        telling
      ],
      { encoding: "utf8", cwd: root, timeout: 600_000 }
    )
    if (stdout === "") throw new Error(`the model did not run: ${stderr}`)
    return decode(stdout)
  } finally {
    rmSync(copy, { recursive: true })
  }
}

const firstLine = (text: string): string => text.split("\n")[0] ?? ""

const verdict = (what: string, found: string | null): string =>
  `${found === null ? "ESCAPED" : "caught "}  ${what}${found === null ? "" : `: ${found}`}\n`

/** How many of them got away: from the story kept for them, or from random histories if these have to. */
const escapes = (mutants: ReadonlyArray<Mutant>, histories: number, haveTo: boolean): number => {
  let escaped = 0
  for (const mutant of mutants) {
    if (!mutant.what.includes(after("--only", ""))) continue
    const { report, story } = tried(mutant, histories)
    if (story === null || (haveTo && report === null)) escaped++
    const found = report === null || telling === "tell" ? report : firstLine(report)
    process.stdout.write(
      (haveTo || found !== null
        ? verdict(mutant.what, found)
        : `         ${mutant.what}: not met in ${histories} histories\n`) +
        verdict(`by the story "${mutant.story}"`, story)
    )
  }
  return escaped
}

mkdirSync(join(root, "dist"), { recursive: true })
// What was in the core once is rare, or it would not have stayed: its story has to break.
const escaped = escapes(twelve, runs, true) + escapes(once, Math.min(runs, 100), false)
process.stdout.write(escaped === 0 ? "all of them were caught\n" : `${escaped} got away\n`)
process.exitCode = escaped === 0 ? 0 : 1

/**
 * Shows what each mutant breaks: its story, and up to `--runs N` random histories (500). Exits
 * with 1 where a story holds, or random histories miss a common mutant.
 */
import { findViolation, violationOf } from "./check.js"
import { mutants } from "./mutants.js"
import { count } from "./scriptOptions.js"
import { stories } from "./stories.js"

const runs = count("--runs", 500)
const seed = count("--seed", 1)
const firstLine = (text: string | undefined) => text?.split("\n")[0] ?? "NOT FOUND"

for (const mutant of mutants) {
  const { fault, isCommon } = mutant
  const story = stories.find(({ name }) => name === mutant.story)
  const byStory = story && violationOf(story, mutant)
  const byHistories = await findViolation(runs, seed, { variant: mutant, shrink: false })
  process.stdout.write(
    `${fault}\n  story: ${firstLine(byStory)}\n  histories${isCommon ? "" : " (rare)"}: ${firstLine(byHistories)}\n`
  )
  if (byStory === undefined || (isCommon && byHistories === undefined)) process.exitCode = 1
}

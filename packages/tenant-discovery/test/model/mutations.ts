/**
 * Shows what each mutant breaks: its story, and one of 2 000 random histories. Exits with 1
 * where one of them keeps every law.
 */
import { findViolation, violationOf } from "./check.js"
import { stories } from "./stories.js"

for (const story of stories) {
  const byStory = violationOf(story, story.mutant)
  const report = await findViolation(2000, 1, story.mutant, { shrink: false })
  const lines = report?.split("\n") ?? []
  process.stdout.write(
    `${story.fault}\n  ${byStory ?? "NOT FOUND"}\n  ${lines.at(0) ?? "NOT FOUND"} ${lines.at(-1) ?? ""}\n`
  )
  if (byStory === undefined || report === undefined) process.exitCode = 1
}

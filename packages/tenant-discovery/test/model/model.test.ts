/** The kept stories, and random histories: `MODEL_RUNS` and `MODEL_SEED` choose how many, and which. */
import { describe, expect, it } from "@effect/vitest"
import { findViolation, violationOf } from "./check.js"
import { stories } from "./stories.js"

const runs = Number(process.env["MODEL_RUNS"] ?? "100")
const seed = Number(process.env["MODEL_SEED"] ?? "1")

describe("every law holds", () => {
  // `mutants.rest.test.ts` checks that each story breaks over its mutant.
  it.each(stories)("in the story of a core that $fault", (story) => {
    expect(violationOf(story)).toBeUndefined()
  })

  const timeout = 60_000 + runs * 600
  it(`in ${runs} random histories (MODEL_SEED=${seed})`, { timeout }, async () => {
    const report = await findViolation(runs, seed)
    expect(report, report).toBeUndefined()
  })
})

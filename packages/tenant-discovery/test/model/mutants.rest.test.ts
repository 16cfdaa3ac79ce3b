/** Each mutant breaks its story, and random histories find the common ones. */
import { describe, expect, it } from "@effect/vitest"
import { findViolation, violationOf } from "./check.js"
import { mutants } from "./mutants.js"
import { stories } from "./stories.js"

const runs = Math.max(500, Number(process.env["MODEL_RUNS"] ?? "500"))

describe("a story breaks over a core that", () => {
  it.each(mutants)("$fault", (mutant) => {
    const story = stories.find(({ name }) => name === mutant.story)
    expect(story && violationOf(story, mutant)).toBeDefined()
  })
})

describe("random histories find a core that", () => {
  it.each(mutants.filter(({ isCommon }) => isCommon))(
    "$fault",
    { timeout: 120_000 },
    async (mutant) => {
      expect(await findViolation(runs, 1, { variant: mutant, shrink: false })).toBeDefined()
    }
  )
})

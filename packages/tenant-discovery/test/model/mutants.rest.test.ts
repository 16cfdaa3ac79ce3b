/** Each mutant breaks its story, and random histories find it. */
import { describe, expect, it } from "@effect/vitest"
import { findViolation, violationOf } from "./check.js"
import { stories } from "./stories.js"

/** More than any mutant needs. */
const RUNS = 2000

describe("a core is found faulty that", () => {
  it.each(stories)("$fault", { timeout: 240_000 }, async (story) => {
    expect(violationOf(story, story.mutant)).toBeDefined()
    expect(await findViolation(RUNS, 1, story.mutant, { shrink: false })).toBeDefined()
  })
})

/** The kept stories. `mutants.rest.test.ts` checks that each still breaks over its mutant. */
import { describe, expect, it } from "@effect/vitest"
import { violationOf } from "./check.js"
import { stories } from "./stories.js"
import { describeStory } from "./story.js"

describe("the core keeps every law in the story of a core that", () => {
  it.each(stories)("$fault", (story) => {
    const violation = violationOf(story)
    expect(violation, `${violation}\n${describeStory(story)}`).toBeUndefined()
  })
})

/** The kept stories. `mutants.rest.test.ts` checks that each still breaks over its mutant. */
import { describe, expect, it } from "@effect/vitest"
import { violationOf } from "./check.js"
import { mutants } from "./mutants.js"
import { stories } from "./stories.js"
import { describeStory } from "./story.js"

describe("the core keeps every law", () => {
  it.each(stories)("$name", (story) => {
    const violation = violationOf(story)
    expect(violation, `${violation}\n${describeStory(story)}`).toBeUndefined()
  })
})

it("each story has a name of its own and a mutant, and each mutant a story", () => {
  const names = stories.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  expect(new Set(mutants.map(({ story }) => story))).toEqual(new Set(names))
})

/**
 * Every story that is kept, held against every law. That each still breaks where
 * the fault it is kept for is put back: `npm run test:mutations`.
 */
import { describe, expect, it } from "@effect/vitest"
import { complaint } from "./check.js"
import { once, twelve } from "./mutants.js"
import { stories } from "./stories.js"
import { tell } from "./story.js"

describe("a story that is kept", () => {
  it.each(stories)("$name", (story) => {
    const broken = complaint(story)
    expect(broken, `${broken}\n${tell(story)}`).toBeUndefined()
  })

  it("is kept for a way to break the core, and each of those has one", () => {
    const kept = stories.map(({ name }) => name)
    expect(new Set(kept).size).toBe(kept.length)
    expect([...twelve, ...once].map(({ story }) => story).sort()).toEqual([...kept].sort())
  })
})

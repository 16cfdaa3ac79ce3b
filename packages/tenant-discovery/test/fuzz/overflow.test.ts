/** What is let go when too much comes, and that nothing is claimed of it. */
import { describe, expect, it } from "@effect/vitest"
import { Inbox } from "../../src/internal/inbox.js"

describe("a flood", () => {
  it("lets go of the heartbeats too: what they prove is gone", () => {
    const inbox = new Inbox({ messages: 2, characters: 1_000 })
    inbox.subscribed()
    for (let round = 0; round < 10; round++) {
      inbox.message("one")
      inbox.alive(1n)
      inbox.message("two")
      inbox.alive(2n)
    }
    inbox.message("three")
    inbox.alive(3n)
    const tags = inbox.drain().map(({ _tag }) => _tag)
    const gap = tags.indexOf("Lost")
    expect(tags.slice(0, gap)).toEqual(["Subscribed"])
    expect(tags.slice(gap, gap + 2)).toEqual(["Lost", "Subscribed"])
    // However long nobody takes, one gap is told once.
    expect(tags.filter((tag) => tag === "Lost")).toHaveLength(1)
  })
})

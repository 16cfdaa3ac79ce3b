/** The quick part: what happens most often to the replicas of a service. */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeWorld } from "./replicas.js"

describe("three replicas", () => {
  it.scopedLive(
    "share the tenants; a killed, a stopped and a frozen one lose theirs to the others",
    () =>
      Effect.gen(function* () {
        const world = yield* makeWorld({ tenants: 24, workMillis: 200 })
        const [a, b, c] = yield* world.startThree()

        const killedAt = yield* world.now
        yield* world.end(a, "SIGKILL")
        yield* world.takenOver("SIGKILL", killedAt, "a")

        yield* Effect.flatMap(world.start("d"), ({ name }) => world.oneBegun(name))
        const stoppedAt = yield* world.now
        yield* b.signal("SIGTERM")
        yield* world.takenOver("SIGTERM", stoppedAt, "b")
        yield* b.exited

        yield* Effect.flatMap(world.start("e"), ({ name }) => world.oneBegun(name))
        const frozenAt = yield* world.now
        yield* world.end(c, "SIGSTOP")
        yield* world.takenOver("SIGSTOP", frozenAt, "c")
        const thawedAt = yield* world.now
        yield* world.thaw(c)
        yield* world.oneBegun("c")
        yield* world.takenOver("SIGCONT", thawedAt)
        yield* world.verdict
      }),
    120_000
  )
})

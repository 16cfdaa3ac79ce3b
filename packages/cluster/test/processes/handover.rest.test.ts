/** The quick part: what happens most often to the replicas of a service. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeWorld, type Replica, type World } from "./replicas.js"

const TAKEOVER = 10_000

const startThree = (world: World) =>
  Effect.gen(function* () {
    const at = yield* world.now
    const replicas = yield* Effect.all(
      ["a", "b", "c"].map((name) => world.start(name)),
      { concurrency: "unbounded" }
    )
    yield* world.allBegun(at)
    return replicas
  })

/** Waits until every replica owns tenants. */
const spread = (world: World, replicas: ReadonlyArray<Replica>) =>
  Effect.forEach(replicas, ({ name }) => world.oneBegun(name), { discard: true })

describe("three replicas", () => {
  it.scopedLive(
    "share the tenants; a killed, a stopped and a frozen one lose theirs to the others",
    () =>
      Effect.gen(function* () {
        const world = yield* makeWorld({ tenants: 24, workMillis: 200 })
        const [a, b, c] = yield* startThree(world)
        if (a === undefined || b === undefined || c === undefined) return expect.unreachable()
        yield* spread(world, [a, b, c])

        const killedAt = yield* world.now
        yield* world.end(a, "SIGKILL")
        expect(yield* world.allBegun(killedAt, "a")).toBeLessThan(TAKEOVER)

        const d = yield* world.start("d")
        yield* spread(world, [b, c, d])
        const stoppedAt = yield* world.now
        yield* b.signal("SIGTERM")
        expect(yield* world.allBegun(stoppedAt, "b")).toBeLessThan(TAKEOVER)
        yield* b.exited

        const e = yield* world.start("e")
        yield* spread(world, [c, d, e])
        const frozenAt = yield* world.now
        yield* world.end(c, "SIGSTOP")
        expect(yield* world.allBegun(frozenAt, "c")).toBeLessThan(TAKEOVER)
        const thawedAt = yield* world.now
        yield* c.signal("SIGCONT")
        yield* spread(world, [c])
        expect(yield* world.allBegun(thawedAt)).toBeLessThan(TAKEOVER)
        yield* world.verdict
      }),
    120_000
  )
})

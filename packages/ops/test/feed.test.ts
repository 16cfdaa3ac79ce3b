import { describe, expect, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Layer, Stream, TestClock } from "effect"
import { TenantAssignment, TenantHealth } from "tenant-discovery"
import { TestTenantAssignment, TestTenantDiscovery } from "tenant-discovery/testing"
import { makeFeed } from "../src/internal/feed.js"
import { makeTimeline } from "../src/internal/timeline.js"
import { type Frame, parseFrames } from "./support/http.js"

/** A client that reads only when the test asks it to. */
const client = (frames: Stream.Stream<string>) =>
  Effect.gen(function* () {
    const pull = yield* Stream.toPull(frames)
    let rest = ""
    /** Reads writes until there is a whole frame of this event. */
    const next = (event: string): Effect.Effect<Frame> =>
      Effect.gen(function* () {
        for (;;) {
          const [whole, ...later] = rest.split(/(?<=\n\n)/)
          if (whole?.endsWith("\n\n") === true) {
            rest = later.join("")
            const [frame] = parseFrames(whole)
            if (frame?.event === event) return frame
            continue
          }
          rest += Chunk.join(yield* Effect.orDie(pull), "")
        }
      })
    return { next }
  })

const feed = Effect.gen(function* () {
  const health = yield* TenantHealth
  const assignment = yield* TenantAssignment
  const timeline = yield* makeTimeline(health)
  const closed = yield* Deferred.make<void>()
  const frames = yield* makeFeed({
    assignment,
    status: Effect.succeed({ fake: true }),
    timeline,
    closed
  })
  return { frames, closed }
})

const layer = (ids: ReadonlyArray<string>) =>
  Layer.provideMerge(TenantHealth.layer(), TestTenantDiscovery.layer(ids))

describe("the feed of a client", () => {
  it.scoped("begins with a snapshot, in writes of at most 500 tenants", () =>
    Effect.gen(function* () {
      const { frames } = yield* feed
      const writes = yield* Stream.runCollect(Stream.take(frames, 4))
      expect(Chunk.toReadonlyArray(writes).map((text) => text.split('"id"').length - 1)).toEqual([
        0, 500, 500, 200
      ])
      const reader = yield* client(frames)
      expect(yield* reader.next("snapshot")).toMatchObject({
        id: "1",
        data: {
          status: { fake: true },
          timeline: [
            { kind: "mode", text: "mode Live: subscribed to events, and nothing is missing" }
          ],
          tenants: { length: 1200 }
        }
      })
    }).pipe(Effect.provide(layer(Array.from({ length: 1200 }, (_, n) => `tenant-${n}`))))
  )

  it.scoped("continues with each change, and the status every 5 s", () =>
    Effect.gen(function* () {
      const tenants = yield* TestTenantDiscovery
      const reader = yield* client((yield* feed).frames)
      yield* reader.next("snapshot")
      yield* tenants.add({ id: "initech", name: "Initech" })
      yield* TestClock.adjust("1 second")
      expect(yield* reader.next("changes")).toMatchObject({
        data: { added: [{ id: "initech", name: "Initech", owner: null, owned: true }], removed: [] }
      })
      yield* tenants.remove("acme")
      yield* TestClock.adjust("1 second")
      expect((yield* reader.next("changes")).data).toMatchObject({ added: [], removed: ["acme"] })
      yield* tenants.update("initech", "Initech Ltd")
      yield* TestClock.adjust("1 second")
      expect((yield* reader.next("changes")).data).toMatchObject({
        added: [],
        removed: [],
        updated: [{ id: "initech", name: "Initech Ltd" }]
      })
      yield* reader.next("status")
      yield* TestClock.adjust("5 seconds")
      expect(yield* reader.next("status")).toMatchObject({ data: { fake: true } })
    }).pipe(Effect.provide(layer(["acme"])))
  )

  it.scoped("gives a client that does not read the difference to the newest state", () =>
    Effect.gen(function* () {
      const tenants = yield* TestTenantDiscovery
      const { frames } = yield* feed
      const slow = yield* client(frames)
      const fast = yield* client(frames)
      yield* slow.next("snapshot")
      yield* fast.next("snapshot")
      for (let n = 0; n < 20; n++) {
        yield* tenants.add(`tenant-${n}`)
        yield* TestClock.adjust("300 millis")
        expect((yield* fast.next("changes")).data).toMatchObject({ added: [{ id: `tenant-${n}` }] })
        yield* tenants.remove(`tenant-${n}`)
        yield* TestClock.adjust("300 millis")
        expect((yield* fast.next("changes")).data).toMatchObject({ removed: [`tenant-${n}`] })
      }
      yield* tenants.add("last")
      yield* TestClock.adjust("1 second")
      yield* fast.next("changes")
      // What it had pulled before may come first.
      let taken = 0
      for (let text = ""; !text.includes('"last"'); taken++) {
        text = JSON.stringify((yield* slow.next("changes")).data)
        expect(text.length).toBeLessThan(1000)
      }
      expect(taken).toBeLessThanOrEqual(4)
    }).pipe(Effect.provide(layer([])))
  )

  it.scoped("has a comment every 15 s, and ends when the endpoints close", () =>
    Effect.gen(function* () {
      const { closed, frames } = yield* feed
      const texts: Array<string> = []
      const reading = yield* Effect.fork(
        Stream.runForEach(frames, (text) => Effect.sync(() => texts.push(text)))
      )
      for (let n = 0; n < 40; n++) yield* TestClock.adjust("1 second")
      expect(texts.filter((text) => text === ": heartbeat\n\n")).toHaveLength(2)
      yield* Deferred.succeed(closed, undefined)
      yield* reading
    }).pipe(Effect.provide(layer([])))
  )

  it.scoped("tells which replica owns a tenant", () =>
    Effect.gen(function* () {
      const assigned = yield* TestTenantAssignment
      const reader = yield* client((yield* feed).frames)
      const acme = { id: "acme", name: null, owner: null, owned: false }
      expect(yield* reader.next("snapshot")).toMatchObject({ data: { tenants: [acme] } })
      yield* assigned.assign("acme")
      yield* TestClock.adjust("1 second")
      expect((yield* reader.next("changes")).data).toMatchObject({
        updated: [{ ...acme, owner: "test-replica", owned: true }]
      })
    }).pipe(Effect.provide(Layer.provideMerge(layer(["acme"]), TestTenantAssignment.layer())))
  )
})

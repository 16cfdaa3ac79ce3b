import { describe, expect } from "@effect/vitest"
import { Duration, Effect, Stream, TestClock } from "effect"
import { TenantDiscovery } from "../../src/index.js"
import { settle, refresh, status, mode, collect, scenario, associated } from "./harness.js"

const seconds = Duration.seconds
const asOf = Effect.flatMap(TenantDiscovery, (discovery) =>
  Effect.map(discovery.view.get, (view) => view.asOf)
)

describe("law 13: the view is honest", () => {
  scenario("dates the view by the begin of the list", function* ({ manager, discovery }) {
    yield* TestClock.adjust(seconds(8))
    yield* manager.delay(seconds(5))
    yield* Effect.fork(refresh)
    yield* TestClock.adjust(seconds(5))
    expect((yield* status).lastListedAt).toBe(13_000)
    expect(yield* asOf).toBe(8000)
    const stale = yield* Effect.flip(discovery.requireFresh(seconds(4)))
    expect(stale).toMatchObject({ _tag: "StaleTenantView", mode: "Live" })
    expect(Duration.toMillis(stale.age)).toBe(5000)
    yield* discovery.requireFresh(seconds(5))
  })

  scenario("dates a Live view by its last heartbeat", function* ({ events, manager, discovery }) {
    yield* TestClock.adjust(seconds(20))
    for (const sentAt of [19_000_000_000n, 5_000_000_000n]) {
      yield* events.aliveSentAt(sentAt)
      expect(yield* asOf).toBe(19_000)
    }
    yield* events.lose()
    yield* manager.fail()
    yield* TestClock.adjust(seconds(1))
    yield* events.subscribed
    expect(yield* mode).toBe("Resyncing")
    yield* TestClock.adjust(seconds(1))
    yield* events.alive
    expect(yield* asOf).toBe(19_000)
    yield* Effect.flip(discovery.requireFresh(seconds(2)))
  })

  scenario(
    "reports each mode, and no revision decreases",
    function* ({ events, manager, discovery }) {
      const modes = yield* collect(
        Stream.changes(Stream.map(discovery.status.changes, (now) => now.mode)),
        (now) => now
      )
      const revisions = yield* collect(discovery.view.changes, (view) => view.revision)
      yield* TestClock.adjust("300 millis")
      yield* events.send(associated("b"))
      yield* events.lose()
      const held = yield* manager.hold()
      yield* manager.add("b", "c")
      yield* events.subscribed
      yield* held.asked
      yield* settle
      yield* held.release
      yield* settle
      expect(modes).toEqual(["Live", "BootstrapOnly", "Resyncing", "Live"])
      expect(revisions).toEqual([...revisions].sort((a, b) => a - b))
      expect(yield* status).toMatchObject({
        service: "ledger",
        tenantCount: 3,
        since: 300,
        lastEventAt: 300,
        lastListedAt: 300,
        lastError: { _tag: "SubscriptionLost" }
      })
    }
  )
})

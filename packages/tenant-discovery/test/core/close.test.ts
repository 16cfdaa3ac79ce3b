import { describe, expect } from "@effect/vitest"
import {
  Context,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Scope,
  Stream,
  Supervisor,
  TestClock
} from "effect"
import { TenantDiscovery } from "../../src/index.js"
import { TestEvent } from "../../src/testing.js"
import {
  SERVICE,
  type WorldOptions,
  settle,
  ids,
  many,
  none,
  overEdges,
  discovery as layer
} from "./harness.js"

/** A discovery, and the close of its scope. */
const open = Effect.gen(function* () {
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(layer(), scope)
  return {
    discovery: Context.get(context, TenantDiscovery),
    close: Scope.close(scope, Exit.void)
  }
})

const one: WorldOptions = { tenants: ["a"] }

const closedError = {
  _tag: "TenantManagerUnavailable",
  message: "the tenant discovery is closed"
}

describe("law 12: close is complete", () => {
  overEdges(one)(
    "ends the subscription and the list, and the IDs still answer",
    function* ({ events, manager }) {
      const { close, discovery } = yield* open
      yield* manager.hang
      yield* Effect.fork(discovery.refresh)
      yield* manager.awaitCalls(2)
      expect(yield* manager.underWay).toBe(1)
      yield* close
      expect(yield* events.subscriptions).toBe(0)
      expect(yield* manager.underWay).toBe(0)
      yield* events.send(TestEvent.associated("late", SERVICE))
      yield* TestClock.adjust(Duration.hours(1))
      expect(yield* manager.calls).toBe(2)
      expect(yield* discovery.activeTenantIds).toEqual(ids("a"))
      expect((yield* discovery.status.get).mode).toBe("BootstrapOnly")
    }
  )

  overEdges(one)("leaves no fiber", function* () {
    const supervisor = yield* Supervisor.track
    yield* Effect.supervised(
      Effect.gen(function* () {
        const { close } = yield* open
        yield* settle
        expect((yield* supervisor.value).length).toBeGreaterThan(0)
        yield* close
        yield* settle
      }),
      supervisor
    )
    expect((yield* supervisor.value).length).toBe(0)
  })

  overEdges(one)("ends the streams of changes, view and status", function* () {
    const { close, discovery } = yield* open
    const streams = [discovery.changes, discovery.view.changes, discovery.status.changes]
    const reading = yield* Effect.forEach(streams, (stream) =>
      Effect.fork(Stream.runDrain<unknown, never, never>(stream))
    )
    yield* settle
    yield* close
    yield* Fiber.joinAll(reading)
    expect(yield* Stream.runCount(discovery.changes)).toBe(0)
  })

  overEdges(one)(
    "fails every refresh: in a list, waiting for one, and later",
    function* ({ manager }) {
      const { close, discovery } = yield* open
      yield* manager.hang
      const inFlight = yield* Effect.fork(discovery.refresh)
      yield* manager.awaitCalls(2)
      const waiting = yield* Effect.fork(discovery.refresh)
      yield* settle
      yield* close
      for (const result of [Fiber.join(inFlight), Fiber.join(waiting), discovery.refresh]) {
        expect(yield* Effect.flip(result)).toMatchObject(closedError)
      }
    }
  )

  overEdges(one)("fails a refresh whose list awaits confirmation", function* ({ manager }) {
    const { close, discovery } = yield* open
    yield* manager.set([])
    const refreshing = yield* Effect.fork(discovery.refresh)
    yield* settle
    yield* close
    expect(yield* Effect.flip(Fiber.join(refreshing))).toMatchObject(closedError)
  })

  overEdges(one)("settles a refresh that races with it, wherever the fiber yields", function* () {
    // A yield after every few operations (a fiber needs 10 to go on), and a close after a few turns of the scheduler.
    for (const operations of [10, 11, 12, 13, 14, 17]) {
      for (let turns = 0; turns <= 4; turns++) {
        const { close, discovery } = yield* open
        const refreshing = yield* discovery.refresh.pipe(
          Effect.withMaxOpsBeforeYield(operations),
          Effect.exit,
          Effect.fork
        )
        for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow()
        yield* close
        for (let turn = 0; turn < 100; turn++) yield* Effect.yieldNow()
        expect(yield* refreshing.poll).toMatchObject({ _tag: "Some" })
      }
    }
  })

  overEdges(none)("calls no handler that is behind", function* ({ events }) {
    const { close, discovery } = yield* open
    const called: Array<string> = []
    const resume = yield* Deferred.make<void>()
    yield* discovery.onTenantAdded(({ id }) => {
      called.push(id)
      return Deferred.await(resume)
    })
    yield* events.send(...many(5).map((id) => TestEvent.associated(id, SERVICE)))
    yield* settle
    yield* events.send(TestEvent.associated("last", SERVICE))
    yield* settle
    yield* close
    yield* Deferred.succeed(resume, undefined)
    yield* settle
    expect(called).toEqual(["t-0"])
  })

  overEdges(one)("logs nothing", function* ({ log }) {
    const { close } = yield* open
    yield* settle
    const before = log.lines.length
    yield* close
    yield* settle
    expect(log.lines.slice(before)).toEqual([])
  })
})

import { describe, expect, it } from "@effect/vitest"
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
import { TestEvent, TestTenantEvents, TestTenantManager } from "../../src/testing.js"
import { edges, ids, logged, many, SERVICE, settle } from "./harness.js"

/** A discovery, and the scope it lives in. */
const open = Effect.gen(function* () {
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(TenantDiscovery.layer(), scope)
  return {
    discovery: Context.get(context, TenantDiscovery),
    close: Scope.close(scope, Exit.void)
  }
})

describe("law 12: close is complete", () => {
  it.scoped(
    "the subscription and the list are gone, nothing is asked for, and the IDs still answer",
    () =>
      Effect.gen(function* () {
        const events = yield* TestTenantEvents
        const manager = yield* TestTenantManager
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
      }).pipe(Effect.provide(edges({ tenants: ["a"] })))
  )

  it.scoped("no fiber is left", () =>
    Effect.gen(function* () {
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
      const left = yield* supervisor.value
      expect(left.length).toBe(0)
    }).pipe(Effect.provide(edges({ tenants: ["a"] })))
  )

  it.scoped("changes, view and status end; handlers stop", () =>
    Effect.gen(function* () {
      const { close, discovery } = yield* open
      const reading = yield* Effect.fork(
        Effect.all(
          [
            Stream.runDrain(discovery.changes),
            Stream.runDrain(discovery.view.changes),
            Stream.runDrain(discovery.status.changes)
          ],
          { concurrency: "unbounded" }
        )
      )
      yield* settle
      yield* close
      yield* Fiber.join(reading)
      expect(yield* Stream.runCount(discovery.changes)).toBe(0)
    }).pipe(Effect.provide(edges({ tenants: ["a"] })))
  )

  it.scoped("who waits for a refresh is told, and so is who asks later", () =>
    Effect.gen(function* () {
      const manager = yield* TestTenantManager
      const { close, discovery } = yield* open
      yield* manager.hang
      const under = yield* Effect.fork(discovery.refresh)
      yield* manager.awaitCalls(2)
      const next = yield* Effect.fork(discovery.refresh)
      yield* settle
      yield* close
      for (const waiting of [Fiber.join(under), Fiber.join(next), discovery.refresh]) {
        const error = yield* Effect.flip(waiting)
        expect(error).toMatchObject({ _tag: "TenantManagerUnavailable", message: /closed/ })
      }
    }).pipe(Effect.provide(edges({ tenants: ["a"] })))
  )

  it.scoped("who waits for a list in doubt is told too", () =>
    Effect.gen(function* () {
      const manager = yield* TestTenantManager
      const { close, discovery } = yield* open
      yield* manager.set([])
      const doubting = yield* Effect.fork(discovery.refresh)
      yield* settle
      yield* close
      expect((yield* Effect.flip(Fiber.join(doubting)))._tag).toBe("TenantManagerUnavailable")
    }).pipe(Effect.provide(edges({ tenants: ["a"] })))
  )

  it.scoped("a handler that is behind is not called after the close", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const { close, discovery } = yield* open
      const called: Array<string> = []
      const go = yield* Deferred.make<void>()
      yield* discovery.onTenantAdded(({ id }) => {
        return Effect.zipRight(
          Effect.sync(() => called.push(id)),
          Deferred.await(go)
        )
      })
      yield* events.send(...many(5).map((id) => TestEvent.associated(id, SERVICE)))
      yield* settle
      yield* events.send(TestEvent.associated("last", SERVICE))
      yield* settle
      yield* close
      yield* Deferred.succeed(go, undefined)
      yield* settle
      expect(called).toEqual(["t-0"])
    }).pipe(Effect.provide(edges()))
  )

  it.scoped("closing says nothing in the log", () => {
    const log = logged()
    return Effect.gen(function* () {
      const { close } = yield* open
      yield* settle
      const before = log.lines.length
      yield* close
      yield* settle
      expect(log.lines.slice(before)).toEqual([])
    }).pipe(Effect.provide(edges({ tenants: ["a"] })), Effect.provide(log.layer))
  })
})

import { describe, expect } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { TenantDiscovery } from "../../src/index.js"
import { settle, one, overEdges, discovery as layer } from "./harness.js"

/** A discovery, and the close of its scope. */
const open = Effect.gen(function* () {
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(layer(), scope)
  return {
    discovery: Context.get(context, TenantDiscovery),
    close: Scope.close(scope, Exit.void)
  }
})

describe("law 12: close is complete", () => {
  overEdges(one)("fails every refresh, logs nothing", function* ({ manager, log }) {
    const { close, discovery } = yield* open
    yield* manager.hang
    const failing = Effect.flip(discovery.refresh)
    const inFlight = yield* Effect.fork(failing)
    yield* manager.awaitCalls(2)
    const waiting = yield* Effect.fork(failing)
    yield* settle
    const logged = log.lines.length
    yield* close
    for (const result of [Fiber.join(inFlight), Fiber.join(waiting), failing]) {
      expect(yield* result).toMatchObject({
        _tag: "TenantManagerUnavailable",
        message: "the tenant discovery is closed"
      })
    }
    yield* settle
    expect(log.lines.slice(logged)).toEqual([])
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
})

import { describe, expect, it } from "@effect/vitest"
import type { Trouble } from "@tenant-discovery/simulator"
import { Effect, Exit, Queue } from "effect"
import { get, list, listen, make, nextEvent } from "./simulators.js"

describe("a fault of answers", () => {
  it.scopedLive("applies for its number of requests, in order, until it is cleared", () =>
    Effect.gen(function* () {
      const simulator = yield* make({ tenants: [{ id: "a" }, { id: "b" }, { id: "c" }] })
      yield* simulator.trouble(
        { _tag: "Status", status: 503, times: 2, retryAfter: "2" },
        { _tag: "Status", status: 418, body: "teapot" }
      )
      const first = yield* list(simulator)
      expect(first.status).toBe(503)
      expect(first.headers.get("retry-after")).toBe("2")
      expect((yield* list(simulator)).status).toBe(503)
      expect((yield* list(simulator)).text).toBe("teapot")
      expect((yield* list(simulator)).status).toBe(418)
      yield* simulator.clearTrouble
      expect((yield* list(simulator)).status).toBe(200)
    })
  )

  it.scopedLive("changes the list", () =>
    Effect.gen(function* () {
      const simulator = yield* make({ tenants: [{ id: "a" }, { id: "b" }] })
      const once = (trouble: Trouble) =>
        Effect.zipRight(simulator.trouble(trouble), list(simulator))
      expect((yield* once({ _tag: "NullList", times: 1 })).text).toBe("null")
      expect((yield* once({ _tag: "EmptyList", times: 1 })).text).toBe("[]")
      expect((yield* once({ _tag: "PartialList", drop: 0.5, times: 1 })).json()).toEqual([
        { id: "b" }
      ])
      const malformed = (yield* once({ _tag: "MalformedElements", times: 1 })).json()
      expect(malformed).toContain(null)
      expect(malformed).toContainEqual({ id: "b" })
      const truncated = yield* once({ _tag: "TruncatedBody", times: 1 })
      expect(truncated.json).toThrow(SyntaxError)
      const big = yield* once({ _tag: "OversizedBody", bytes: 1_000_000, times: 1 })
      expect(big.text).toHaveLength(1_000_000)
      expect(big.json()).toEqual([])
      const typed = yield* once({ _tag: "WrongContentType", times: 1 })
      expect(typed.headers.get("content-type")).toBe("text/html")
      const redirect = yield* once({ _tag: "Redirect", to: "http://elsewhere/", times: 1 })
      expect([redirect.status, redirect.headers.get("location")]).toEqual([
        307,
        "http://elsewhere/"
      ])
      const denied = yield* once({ _tag: "Denied", times: 1 })
      expect([denied.status, denied.text]).toEqual([403, "denied"])
      const purged = yield* once({ _tag: "Suspended", status: "purged", times: 1 })
      expect(purged.json()).toMatchObject({ code: "TS-SUSPENDED", status: "purged" })
      expect((yield* once({ _tag: "RawBody", body: "7", times: 1 })).json()).toBe(7)
      expect((yield* once({ _tag: "Drip", millis: 1, times: 1 })).json()).toHaveLength(2)
      yield* simulator.suspend("a")
      expect((yield* once({ _tag: "InactiveElements", times: 1 })).json()).toEqual([
        { id: "b" },
        { id: "a", status: "suspended" }
      ])
      expect((yield* list(simulator)).json()).toEqual([{ id: "b" }])
    })
  )

  it.scopedLive("resets within the body, hangs until the client disconnects, delays", () =>
    Effect.gen(function* () {
      const simulator = yield* make({ tenants: 10 })
      yield* simulator.trouble({ _tag: "ResetInBody", times: 1, on: "list" })
      const reset = yield* Effect.exit(list(simulator))
      expect(Exit.isFailure(reset)).toBe(true)
      yield* simulator.trouble({ _tag: "Hang", times: 1 })
      const abort = new AbortController()
      const hanging = yield* Effect.fork(
        Effect.exit(get(simulator, "/v1/tenants/active?service=ledger", { signal: abort.signal }))
      )
      yield* simulator.awaitListCalls(2)
      abort.abort()
      yield* hanging
      yield* simulator.awaitListsEnded(2)
      yield* simulator.trouble({ _tag: "Delay", millis: 50, times: 1 })
      const began = performance.now()
      expect((yield* list(simulator)).status).toBe(200)
      expect(performance.now() - began).toBeGreaterThan(45)
    })
  )
})

describe("a fault of events", () => {
  it.scopedLive("withholds, duplicates, reorders, malforms and misdirects them", () =>
    Effect.gen(function* () {
      const simulator = yield* make({ tenants: [{ id: "a" }] })
      const queue = yield* listen(simulator)
      const next = Effect.map(nextEvent(queue), ({ event }) => event)
      yield* simulator.trouble({ _tag: "Withhold", times: 1 })
      expect((yield* simulator.suspend("a")).published).toBe(false)
      yield* simulator.trouble({ _tag: "Duplicate", times: 1 })
      yield* simulator.reactivate("a")
      const once = yield* next
      expect(once["event_type"]).toBe("tenant.service.reactivated")
      expect(yield* next).toEqual(once)
      yield* simulator.trouble({ _tag: "Reorder", times: 1 })
      yield* simulator.suspend("a")
      yield* simulator.purge("a")
      expect((yield* next)["event_type"]).toBe("tenant.service.purged")
      expect((yield* next)["event_type"]).toBe("tenant.service.suspended")
      yield* simulator.trouble({ _tag: "UnknownType", times: 1 })
      yield* simulator.rotate("a")
      expect((yield* next)["event_type"]).toBe("tenant.something.unknown")
      yield* simulator.trouble(
        { _tag: "OtherEnvironment", environment: "production", times: 1 },
        { _tag: "OtherService", service: "billing", times: 1 }
      )
      yield* simulator.rotate("a")
      expect(yield* next).toMatchObject({
        environment: "production",
        payload: { service_name: "billing" }
      })
      yield* simulator.trouble({ _tag: "OldChannel", times: 1 })
      yield* simulator.rotate("a")
      expect((yield* nextEvent(queue)).channel).toBe("tenant-events:a")
      yield* simulator.trouble({ _tag: "Malformed", times: 1 })
      yield* simulator.rotate("a")
      const { text } = yield* Queue.take(queue)
      expect((): unknown => JSON.parse(text)).toThrow(SyntaxError)
      yield* simulator.publishEvent({ eventType: "tenant.deleted", tenantId: "x", eventId: "e" })
      expect(yield* next).toMatchObject({ tenant_id: "x", event_id: "e" })
    })
  )
})

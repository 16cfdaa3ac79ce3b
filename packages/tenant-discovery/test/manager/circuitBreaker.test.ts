/** The breaker's transitions, and the breaker around a client under the test clock. */
import { HttpClient, HttpClientError, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Layer, Logger, TestClock } from "effect"
import * as Breaker from "../../src/internal/http/circuitBreaker.js"
import { TenantManager, type TenantManagerOptions } from "../../src/TenantManager.js"
import { optionsFor } from "./support/clients.js"

const settings = { threshold: 2, resetAfter: 100n }

describe("transitions", () => {
  const outages = (count: number, now: bigint) => {
    let state = Breaker.initial
    for (let n = 0; n < count; n++) {
      state = Breaker.settle(settings, state, state.generation, "Outage", now)
    }
    return state
  }

  it("opens at the threshold, not before", () => {
    assert.strictEqual(outages(1, 0n)._tag, "Closed")
    assert.deepStrictEqual(outages(2, 5n), { _tag: "Open", generation: 1, until: 105n })
  })

  it("an answer between outages starts the count again", () => {
    const one = outages(1, 0n)
    const answered = Breaker.settle(settings, one, one.generation, "Answer", 0n)
    assert.deepStrictEqual(answered, Breaker.initial)
  })

  it("admits one probe when it is due, and refuses with the time left until then", () => {
    const open = outages(2, 0n)
    assert.deepStrictEqual(Breaker.admit(open, 40n), {
      _tag: "Refused",
      state: open,
      retryAfter: 60n
    })
    const probe = Breaker.admit(open, 100n)
    assert(probe._tag === "Admitted")
    assert.strictEqual(probe.state._tag, "HalfOpen")
    const second = Breaker.admit(probe.state, 101n)
    assert(second._tag === "Refused")
    assert.strictEqual(second.retryAfter, undefined)
  })

  it("what was admitted in an earlier generation has nothing to say", () => {
    const open = outages(2, 0n)
    for (const outcome of ["Answer", "Outage", "Abandoned"] as const) {
      assert.strictEqual(Breaker.settle(settings, open, 0, outcome, 50n), open)
    }
    const probe = Breaker.admit(open, 100n)
    for (const outcome of ["Answer", "Outage", "Abandoned"] as const) {
      assert.strictEqual(Breaker.settle(settings, probe.state, 0, outcome, 150n), probe.state)
    }
  })
})

/** A client whose answers the test gives, one at a time, and that counts what was sent. */
const scripted = () => {
  let sent = 0
  let next: () => Effect.Effect<Response, string> = () => Effect.succeed(new Response("[]"))
  const client = HttpClient.make((request) => {
    sent++
    return next().pipe(
      Effect.map((response) => HttpClientResponse.fromWeb(request, response)),
      Effect.mapError(
        (description) =>
          new HttpClientError.RequestError({ request, reason: "Transport", description })
      )
    )
  })
  return {
    layer: Layer.succeed(HttpClient.HttpClient, client),
    sent: () => sent,
    answer: (make: () => Effect.Effect<Response, string>) => {
      next = make
    }
  }
}

const outage = () => Effect.fail("down")
const status = (code: number) => () => Effect.sync(() => new Response("{}", { status: code }))
const empty = () => Effect.sync(() => new Response("[]"))

const managed = (
  double: ReturnType<typeof scripted>,
  circuitBreaker: TenantManagerOptions["circuitBreaker"] = {
    threshold: 3,
    resetAfter: "10 seconds"
  }
) =>
  Effect.map(
    TenantManager.make(optionsFor("http://tm.test", { circuitBreaker, timeout: "2 seconds" })).pipe(
      Effect.provide(double.layer)
    ),
    (manager) =>
      manager.listActiveTenants.pipe(
        Effect.match({ onFailure: (error) => error._tag, onSuccess: () => "Listed" as const })
      )
  )

describe("around the client", () => {
  it.effect("opens after outages in a row, sends nothing, probes, and closes", () =>
    Effect.gen(function* () {
      const double = scripted()
      const list = yield* managed(double)
      double.answer(outage)
      for (let n = 0; n < 3; n++) assert.strictEqual(yield* list, "TenantManagerUnavailable")
      assert.strictEqual(yield* list, "TenantManagerCircuitOpen")
      assert.strictEqual(double.sent(), 3)
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(yield* list, "TenantManagerCircuitOpen")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* list, "TenantManagerUnavailable")
      assert.strictEqual(double.sent(), 4)
      assert.strictEqual(yield* list, "TenantManagerCircuitOpen")
      yield* TestClock.adjust("10 seconds")
      double.answer(empty)
      assert.strictEqual(yield* list, "Listed")
      assert.strictEqual(yield* list, "Listed")
    })
  )

  it.effect("tells how long it stays open", () =>
    Effect.gen(function* () {
      const double = scripted()
      double.answer(outage)
      const manager = yield* TenantManager.make(
        optionsFor("http://tm.test", { circuitBreaker: { threshold: 1, resetAfter: "10 seconds" } })
      ).pipe(Effect.provide(double.layer))
      yield* Effect.flip(manager.listActiveTenants)
      yield* TestClock.adjust("4 seconds")
      const error = yield* Effect.flip(manager.listActiveTenants)
      assert(error._tag === "TenantManagerCircuitOpen" && error.retryAfter !== undefined)
      assert.isTrue(Duration.equals(error.retryAfter, Duration.seconds(6)))
    })
  )

  it.effect("an answer of any kind is no outage", () =>
    Effect.gen(function* () {
      const double = scripted()
      const list = yield* managed(double, { threshold: 2 })
      for (const code of [401, 403, 404, 400, 429, 302, 200]) {
        double.answer(outage)
        assert.strictEqual(yield* list, "TenantManagerUnavailable")
        double.answer(status(code))
        assert.notStrictEqual(yield* list, "TenantManagerUnavailable")
      }
      double.answer(status(500))
      yield* list
      yield* list
      assert.strictEqual(yield* list, "TenantManagerCircuitOpen")
    })
  )

  it.effect("timeouts count", () =>
    Effect.gen(function* () {
      const double = scripted()
      const list = yield* managed(double, { threshold: 1 })
      double.answer(() => Effect.never)
      const fiber = yield* Effect.fork(list)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "TenantManagerTimedOut")
      assert.strictEqual(yield* list, "TenantManagerCircuitOpen")
    })
  )

  it.effect("threshold 0 turns it off", () =>
    Effect.gen(function* () {
      const double = scripted()
      const list = yield* managed(double, { threshold: 0 })
      double.answer(outage)
      for (let n = 0; n < 50; n++) assert.strictEqual(yield* list, "TenantManagerUnavailable")
      assert.strictEqual(double.sent(), 50)
    })
  )

  it.effect("one probe at a time; an interrupted one frees the slot", () =>
    Effect.gen(function* () {
      const double = scripted()
      const list = yield* managed(double, { threshold: 1, resetAfter: "10 seconds" })
      double.answer(outage)
      yield* list
      yield* TestClock.adjust("10 seconds")
      const started = yield* Deferred.make<void>()
      double.answer(() => Effect.zipRight(Deferred.succeed(started, undefined), Effect.never))
      const probe = yield* Effect.fork(list)
      yield* Deferred.await(started)
      assert.strictEqual(yield* list, "TenantManagerCircuitOpen")
      yield* Fiber.interrupt(probe)
      double.answer(empty)
      assert.strictEqual(yield* list, "Listed")
      assert.strictEqual(double.sent(), 3)
    })
  )

  it.effect("a slow answer from before the outage does not close it", () =>
    Effect.gen(function* () {
      const double = scripted()
      const list = yield* managed(double, { threshold: 1 })
      const started = yield* Deferred.make<void>()
      const release = yield* Deferred.make<Response>()
      double.answer(() =>
        Effect.zipRight(Deferred.succeed(started, undefined), Deferred.await(release))
      )
      const slow = yield* Effect.fork(list)
      yield* Deferred.await(started)
      double.answer(outage)
      assert.strictEqual(yield* list, "TenantManagerUnavailable")
      yield* Deferred.succeed(release, new Response("[]"))
      assert.strictEqual(yield* Fiber.join(slow), "Listed")
      assert.strictEqual(yield* list, "TenantManagerCircuitOpen")
    })
  )

  it.effect("logs transitions, not refusals", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => {
        lines.push(`${logLevel.label} ${String(message)}`)
      })
      const double = scripted()
      const list = yield* managed(double, { threshold: 2, resetAfter: "10 seconds" })
      yield* Effect.gen(function* () {
        double.answer(outage)
        for (let n = 0; n < 20; n++) yield* list
        yield* TestClock.adjust("10 seconds")
        double.answer(empty)
        for (let n = 0; n < 20; n++) yield* list
      }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      assert.deepStrictEqual(
        lines.map((line) => line.split(" ")[0]),
        ["WARN", "INFO"]
      )
    })
  )
})

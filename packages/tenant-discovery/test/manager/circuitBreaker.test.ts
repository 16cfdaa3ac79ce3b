/** The circuit breakers of a client, under the test clock. */
import { HttpClient } from "@effect/platform"
import { assert, describe, expect } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Layer, Logger, TestClock } from "effect"
import { TenantId } from "../../src/Tenant.js"
import { TenantManager, type TenantManagerOptions } from "../../src/TenantManager.js"
import { clientOf, optionsFor } from "./support/clients.js"
import { test } from "../support/live.js"
import { metricValues } from "../worker/support.js"

const outage = Effect.fail("down")
const settings = { threshold: 1, resetAfter: "10 seconds" } as const

/** A manager over a client whose answers the test sets, and that counts the requests. */
const managed = (circuitBreaker: TenantManagerOptions["circuitBreaker"] = settings) =>
  Effect.gen(function* () {
    let sent = 0
    let next: Effect.Effect<Response, string> = outage
    const client = clientOf(() => {
      sent++
      return next
    })
    const manager = yield* TenantManager.make(
      optionsFor("http://tm.test", { circuitBreaker, timeout: "2 seconds" })
    ).pipe(Effect.provideService(HttpClient.HttpClient, client))
    return {
      manager,
      list: manager.listActiveTenants.pipe(
        Effect.match({ onFailure: (error) => error._tag, onSuccess: () => "Listed" as const })
      ),
      sent: () => sent,
      answer: (effect: typeof next) => {
        next = effect
      }
    }
  })

const ok = (body: string, status = 200) => Effect.sync(() => new Response(body, { status }))

describe("circuit breaker", () => {
  test("opens after outages in a row, sends nothing while open, probes, and closes on an answer", function* () {
    const lines: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      lines.push(`${logLevel.label} ${String(message)}`)
    })
    const { answer, list: call, manager, sent } = yield* managed({ ...settings, threshold: 3 })
    const list = Effect.provide(call, Logger.replace(Logger.defaultLogger, logger))
    for (let n = 0; n < 3; n++) assert.strictEqual(yield* list, "TenantManagerUnavailable")
    assert.strictEqual(yield* list, "TenantManagerCircuitOpen")
    assert.strictEqual(sent(), 3)
    yield* TestClock.adjust("4 seconds")
    const error = yield* Effect.flip(manager.listActiveTenants)
    assert(error._tag === "TenantManagerCircuitOpen" && error.retryAfter !== undefined)
    assert.isTrue(Duration.equals(error.retryAfter, Duration.seconds(6)))
    yield* TestClock.adjust("5999 millis")
    assert.strictEqual(yield* list, "TenantManagerCircuitOpen")
    yield* TestClock.adjust("1 millis")
    assert.strictEqual(yield* list, "TenantManagerUnavailable")
    assert.strictEqual(sent(), 4)
    assert.strictEqual(yield* list, "TenantManagerCircuitOpen")
    yield* TestClock.adjust("10 seconds")
    answer(ok("[]"))
    assert.strictEqual(yield* list, "Listed")
    assert.strictEqual(yield* list, "Listed")
    // Transitions are logged, refusals are not.
    assert.deepStrictEqual(
      lines.map((line) => line.split(" ")[0]),
      ["WARN", "INFO"]
    )
  })

  test("shows in a gauge for each operation, which is 0 after the close of the layer", function* () {
    const service = "circuits"
    const gauge = (operation: string) =>
      Effect.map(
        metricValues("tenant_manager_circuit_open", { service, operation }),
        ([state]) => state
      )
    const both = Effect.all([gauge("get_active_tenants"), gauge("get_tenant_config")])
    let answer: Effect.Effect<Response, string> = outage
    const client = clientOf(() => answer)
    const layer = TenantManager.layer(
      optionsFor("http://tm.test", { service, circuitBreaker: settings })
    ).pipe(Layer.provide(Layer.succeed(HttpClient.HttpClient, client)))
    const list = Effect.flatMap(TenantManager, (manager) => Effect.exit(manager.listActiveTenants))
    yield* Effect.gen(function* () {
      expect(yield* both).toMatchObject([{ value: 0 }, { value: 0 }])
      for (const [next, value] of [
        [outage, 1],
        [outage, 1],
        [ok("[]"), 0],
        [outage, 1]
      ] as const) {
        answer = next
        yield* list
        expect(yield* both).toMatchObject([{ value }, { value: 0 }])
        yield* TestClock.adjust("10 seconds")
      }
    }).pipe(Effect.provide(layer))
    expect(yield* both).toMatchObject([{ value: 0 }, { value: 0 }])
  })

  test("counts no answer of any kind as an outage", function* () {
    const { answer, list } = yield* managed({ threshold: 2 })
    for (const code of [401, 403, 404, 400, 429, 302, 200]) {
      answer(outage)
      assert.strictEqual(yield* list, "TenantManagerUnavailable")
      answer(ok("{}", code))
      assert.notStrictEqual(yield* list, "TenantManagerUnavailable")
    }
    answer(ok("{}", 500))
    yield* list
    yield* list
    assert.strictEqual(yield* list, "TenantManagerCircuitOpen")
  })

  test("counts timeouts as outages", function* () {
    const { answer, list } = yield* managed()
    answer(Effect.never)
    const fiber = yield* Effect.fork(list)
    yield* TestClock.adjust("2 seconds")
    assert.strictEqual(yield* Fiber.join(fiber), "TenantManagerTimedOut")
    assert.strictEqual(yield* list, "TenantManagerCircuitOpen")
  })

  test("is off when the threshold is 0", function* () {
    const { list, sent } = yield* managed({ threshold: 0 })
    for (let n = 0; n < 50; n++) assert.strictEqual(yield* list, "TenantManagerUnavailable")
    assert.strictEqual(sent(), 50)
  })

  test("admits one probe at a time; an interrupted probe makes room for the next", function* () {
    const { answer, list, sent } = yield* managed()
    yield* list
    yield* TestClock.adjust("10 seconds")
    const started = yield* Deferred.make<void>()
    answer(Effect.zipRight(Deferred.succeed(started, undefined), Effect.never))
    const probe = yield* Effect.fork(list)
    yield* Deferred.await(started)
    assert.strictEqual(yield* list, "TenantManagerCircuitOpen")
    yield* Fiber.interrupt(probe)
    answer(ok("[]"))
    assert.strictEqual(yield* list, "Listed")
    assert.strictEqual(sent(), 3)
  })

  test("ignores a slow answer to a call that was sent before it opened", function* () {
    const { answer, list } = yield* managed()
    const started = yield* Deferred.make<void>()
    const release = yield* Deferred.make<Response>()
    answer(Effect.zipRight(Deferred.succeed(started, undefined), Deferred.await(release)))
    const slow = yield* Effect.fork(list)
    yield* Deferred.await(started)
    answer(outage)
    assert.strictEqual(yield* list, "TenantManagerUnavailable")
    yield* Deferred.succeed(release, new Response("[]"))
    assert.strictEqual(yield* Fiber.join(slow), "Listed")
    assert.strictEqual(yield* list, "TenantManagerCircuitOpen")
  })

  test("of a failing list does not refuse connection settings", function* () {
    const { answer, manager } = yield* managed()
    yield* Effect.flip(manager.listActiveTenants)
    assert.strictEqual(
      (yield* Effect.flip(manager.listActiveTenants))._tag,
      "TenantManagerCircuitOpen"
    )
    answer(ok('{"id":"cfg"}'))
    yield* manager.getConnections(TenantId.make("acme"))
  })
})

import { describe, expect, it } from "@effect/vitest"
import { Clock, Context, Duration, Effect, Layer, Metric, Option, TestClock, Tracer } from "effect"
import { TenantDiscovery } from "../../src/index.js"
import { TestEvent, TestTenantEvents, TestTenantManager } from "../../src/testing.js"
import { apart, edges, ids, logged, mode, record, seen, SERVICE, settle, world } from "./harness.js"

const counted = (outcome: string) =>
  Effect.map(
    Metric.value(
      Metric.tagged(
        Metric.counter("tenant_discovery_events_total", {
          description: "Messages received, by what became of them",
          incremental: true
        }),
        "outcome",
        outcome
      )
    ),
    ({ count }) => count
  )

describe("law 11: nothing that arrives can stop the loop", () => {
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`
  const malformed: ReadonlyArray<readonly [string, string]> = [
    ["no JSON", "not json"],
    ["nothing", ""],
    ["half of one", '{"event_type":"tenant.suspended","tenant_id":"a"'],
    ["null", "null"],
    ["a number", "7"],
    ["an array", '[{"event_type":"tenant.suspended","tenant_id":"a"}]'],
    ["no type", '{"tenant_id":"a"}'],
    ["no tenant", '{"event_type":"tenant.suspended"}'],
    ["an invalid tenant ID", '{"event_type":"tenant.suspended","tenant_id":"../a"}'],
    ["no payload", '{"event_type":"tenant.service.suspended","tenant_id":"a"}'],
    ["no service", '{"event_type":"tenant.service.suspended","tenant_id":"a","payload":{}}'],
    [
      "an empty service",
      '{"event_type":"tenant.service.suspended","tenant_id":"a","payload":{"service_name":""}}'
    ],
    [
      "a field of another type",
      `{"event_type":"tenant.service.associated","tenant_id":"z","payload":{"service_name":"${SERVICE}","modules":"no"}}`
    ],
    ["depth 100 000", deep],
    ["depth 100 000 inside", `{"event_type":"tenant.suspended","tenant_id":7,"payload":${deep}}`]
  ]
  for (const [name, raw] of malformed) {
    it.scoped(`${name}: one warning, counted, skipped`, () => {
      const log = logged()
      return Effect.gen(function* () {
        const events = yield* TestTenantEvents
        const before = yield* counted("malformed")
        yield* events.send(raw)
        expect(yield* seen).toEqual(ids("a"))
        expect((yield* counted("malformed")) - before).toBe(1)
        expect(log.at("WARN")).toEqual([
          {
            level: "WARN",
            message: expect.stringMatching(/^skipped a malformed event: /),
            fields: { service: SERVICE }
          }
        ])
        yield* events.send(TestEvent.associated("b", SERVICE))
        expect(yield* seen).toEqual(ids("a", "b"))
      }).pipe(Effect.provide(world({ tenants: ["a"] })), Effect.provide(log.layer))
    })
  }

  it.scoped("an unknown type is skipped, at debug, and counted", () => {
    const log = logged()
    return Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const before = yield* counted("unknown_type")
      yield* events.send({ event_type: "tenant.renamed", tenant_id: "a", payload: { x: 1 } })
      yield* settle
      expect((yield* counted("unknown_type")) - before).toBe(1)
      expect(log.at("WARN")).toEqual([])
      expect(log.at("DEBUG").map((line) => line.fields)).toContainEqual({
        service: SERVICE,
        event_type: "tenant.renamed",
        tenant_id: "a"
      })
    }).pipe(Effect.provide(world({ tenants: ["a"] })), Effect.provide(log.layer))
  })

  it.scoped(
    "another environment's event is dropped and counted; one without says nothing about it",
    () =>
      Effect.gen(function* () {
        const events = yield* TestTenantEvents
        const before = yield* counted("other_environment")
        yield* events.send(
          TestEvent.associated("b", SERVICE, { environment: "staging" }),
          TestEvent.tenantDeleted("a", { environment: "staging" }),
          TestEvent.associated("c", SERVICE, { environment: "Production" }),
          TestEvent.associated("d", SERVICE, { environment: null }),
          TestEvent.associated("e", SERVICE)
        )
        expect(yield* seen).toEqual(ids("a", "c", "d", "e"))
        expect((yield* counted("other_environment")) - before).toBe(2)
      }).pipe(Effect.provide(world({ tenants: ["a"], discovery: { environment: "production" } })))
  )

  it.scoped(
    "another service's events are ignored; its cache.invalidate alone is warned about",
    () => {
      const log = logged()
      return Effect.gen(function* () {
        const events = yield* TestTenantEvents
        const changes = yield* record
        yield* events.send(
          TestEvent.associated("b", "other"),
          TestEvent.suspended("a", "other"),
          TestEvent.purged("a", "other"),
          TestEvent.credentialsRotated("a", "other"),
          TestEvent.cacheInvalidated("a", "other", { event_id: "evt-1" })
        )
        expect(yield* seen).toEqual(ids("a"))
        expect(changes).toEqual([])
        expect(log.at("WARN").map((line) => line.fields)).toEqual([
          {
            service: SERVICE,
            event_type: "tenant.cache.invalidate",
            tenant_id: "a",
            event_id: "evt-1",
            expected_service_name: SERVICE,
            received_service_name: "other"
          }
        ])
      }).pipe(Effect.provide(world({ tenants: ["a"] })), Effect.provide(log.layer))
    }
  )

  it.scoped("too many messages at once are let go, and a list makes it good", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      const discovery = yield* TenantDiscovery
      yield* apart
      yield* manager.add("b")
      yield* events.send(
        TestEvent.associated("b", SERVICE),
        ...Array.from({ length: 20 }, () => TestEvent.tenantUpdated("x"))
      )
      expect(yield* seen).toEqual(ids("a", "b"))
      expect(yield* manager.calls).toBe(2)
      expect((yield* discovery.status.get).lastError).toMatchObject({
        _tag: "SubscriptionLost",
        cause: { _tag: "Overflow" }
      })
      expect(yield* mode).toBe("Live")
    }).pipe(Effect.provide(world({ tenants: ["a"], discovery: { bufferMessages: 10 } })))
  )

  it.scoped("any number of another service's events takes no room", () =>
    Effect.gen(function* () {
      const events = yield* TestTenantEvents
      const manager = yield* TestTenantManager
      const discovery = yield* TenantDiscovery
      yield* apart
      yield* events.send(
        ...Array.from({ length: 1000 }, (_, i) => TestEvent.associated(`t-${i}`, "another")),
        TestEvent.associated("b", SERVICE)
      )
      expect(yield* seen).toEqual(ids("a", "b"))
      expect(yield* manager.calls).toBe(1)
      expect((yield* discovery.status.get).lastError).toBeUndefined()
    }).pipe(Effect.provide(world({ tenants: ["a"], discovery: { bufferMessages: 10 } })))
  )

  it.scoped("a timer that fires early is armed again", () => {
    /** Wakes every sleeper a millisecond before its time, as timers of Node do now and then. */
    const early = Layer.effectContext(
      Effect.map(Effect.clock, (clock) => {
        const hasty: Clock.Clock = {
          [Clock.ClockTypeId]: Clock.ClockTypeId,
          unsafeCurrentTimeMillis: () => clock.unsafeCurrentTimeMillis(),
          unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos(),
          currentTimeMillis: clock.currentTimeMillis,
          currentTimeNanos: clock.currentTimeNanos,
          sleep: (duration) =>
            clock.sleep(
              Duration.toMillis(duration) > 1000
                ? Duration.subtract(duration, Duration.millis(1))
                : duration
            )
        }
        return Context.make(Clock.Clock, hasty)
      })
    )
    return Effect.gen(function* () {
      const manager = yield* TestTenantManager
      const clock = Context.get(yield* Layer.build(early), Clock.Clock)
      yield* Effect.withClock(Layer.build(TenantDiscovery.layer()), clock)
      yield* TestClock.adjust(Duration.minutes(10))
      expect(yield* manager.calls).toBeGreaterThan(8)
    }).pipe(Effect.provide(edges()))
  })
})

describe("spans", () => {
  it.scoped("one an applied event, where a tracer is installed", () => {
    const spans: Array<Tracer.Span> = []
    const tracer = Tracer.make({
      context: (f) => f(),
      span: (name, parent, context, links, startTime, kind) => {
        const attributes = new Map<string, unknown>()
        const span: Tracer.Span = {
          _tag: "Span",
          name,
          spanId: String(spans.length),
          traceId: "trace",
          parent,
          context,
          status: { _tag: "Started", startTime },
          attributes,
          links,
          sampled: true,
          kind,
          end: () => undefined,
          attribute: (key, value) => {
            attributes.set(key, value)
          },
          event: () => undefined,
          addLinks: () => undefined
        }
        spans.push(span)
        return span
      }
    })
    return Effect.gen(function* () {
      const events = yield* TestTenantEvents
      yield* events.send(
        TestEvent.associated("b", SERVICE, { event_id: "evt-b" }),
        TestEvent.associated("c", "other"),
        "garbage"
      )
      yield* settle
      const name = "event.tenant_event_listener.handle_message"
      const told = spans.filter((span) => span.name === name)
      expect(told.map((span) => Object.fromEntries(span.attributes))).toEqual([
        {
          event_type: "tenant.service.associated",
          tenant_id: "b",
          event_id: "evt-b",
          service: SERVICE
        }
      ])
      expect(told[0]?.parent).toEqual(Option.none())
    }).pipe(Effect.provide(world()), Effect.withTracer(tracer))
  })
})

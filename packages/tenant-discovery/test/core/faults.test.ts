/** Law 11: nothing that arrives, and no code of the user, stops the loop. */
import { beforeEach, describe, expect, it, vi } from "@effect/vitest"
import {
  Clock,
  Context,
  Duration,
  Effect,
  Fiber,
  Layer,
  Logger,
  LogLevel,
  Option,
  TestClock,
  Tracer
} from "effect"
import * as Metrics from "../../src/internal/metrics.js"
import { reduce } from "../../src/internal/discovery/reducer.js"
import type { Input } from "../../src/internal/discovery/state.js"
import { TenantDiscovery } from "../../src/index.js"
import { TestEvent, TestTenantEvents, TestTenantManager } from "../../src/testing.js"
import { makeCollector } from "../support/collector.js"
import {
  SERVICE,
  discovery,
  world,
  settle,
  debounced,
  refresh,
  status,
  active,
  mode,
  recordChanges,
  refreshHeld,
  none,
  one,
  overEdges,
  over,
  associated
} from "./harness.js"

/** While it is set, the reducer of `faulty` throws for the inputs that match. */
let isArmed = false

beforeEach(() => {
  isArmed = false
})

/** Declares a test with a reducer that throws for these inputs. */
const faulty = (matches: (input: Input) => boolean) =>
  over({
    tenants: ["a"],
    reducer: (settings, state, inputs, now) => {
      if (isArmed && inputs.some(matches)) throw new Error("a fault of the test")
      return reduce(settings, state, inputs, now)
    }
  })

const isTag = (tag: Input["_tag"]) => (input: Input) => input._tag === tag

const isBad = (input: Input) =>
  input._tag === "Events" && input.events.some(({ tenantId }) => tenantId === "bad")

describe("an input that cannot be applied", () => {
  faulty(isBad)("is lost alone, and a relist follows", function* ({ events, log, manager }) {
    isArmed = true
    yield* manager.set(["a", "b", "bad", "c"])
    yield* events.send(
      ...["b", "bad", "c"].map((id) => associated(id)),
      TestEvent.tenantDeleted("a")
    )
    expect(yield* active).toEqual(["b", "c"])
    expect(log.messages("ERROR")).toEqual(["Events could not be applied; relisting"])
    yield* TestClock.adjust(Duration.millis(500))
    expect(yield* active).toEqual(["a", "b", "bad", "c"])
  })

  faulty(isTag("Listed"))(
    "fails a list in flight and its refresh; events of the batch apply",
    function* ({ manager }) {
      const events = yield* TestTenantEvents
      const held = yield* refreshHeld
      isArmed = true
      // One batch: an event, the answer of the list, and another event.
      yield* events.send(associated("b"))
      yield* held.release
      yield* events.send(associated("c"))
      const error = yield* Effect.flip(held.finish)
      expect(error._tag).toBe("TenantManagerUnavailable")
      expect(yield* active).toEqual(["a", "b", "c"])
      expect((yield* status).lastError).toMatchObject({ _tag: "ListFailed", error })
      isArmed = false
      yield* manager.set(["a", "c", "d"])
      yield* TestClock.adjust(Duration.seconds(1))
      expect(yield* active).toEqual(["a", "c", "d"])
      yield* refresh
    }
  )

  faulty(isTag("ListFailed"))("ends a list that failed, and lists again", function* ({ manager }) {
    isArmed = true
    yield* manager.fail(undefined, 1)
    yield* Effect.flip(refresh)
    yield* manager.add("b")
    yield* TestClock.adjust(Duration.seconds(1))
    expect(yield* active).toEqual(["a", "b"])
  })

  faulty(isTag("Refresh"))("fails its refresh", function* () {
    isArmed = true
    expect((yield* Effect.flip(refresh))._tag).toBe("TenantManagerUnavailable")
    isArmed = false
    yield* refresh
  })

  faulty(() => true)(
    "does not stop the loop when every input is one",
    function* ({ events, manager }) {
      const held = yield* manager.hold()
      const refreshing = yield* Effect.fork(Effect.exit(refresh))
      yield* held.asked
      isArmed = true
      yield* events.send(associated("b"), "{")
      yield* events.lose()
      yield* events.subscribed
      yield* held.release
      expect((yield* Fiber.join(refreshing))._tag).toBe("Failure")
      yield* TestClock.adjust(Duration.minutes(1))
      isArmed = false
      yield* manager.add("c")
      yield* TestClock.adjust(Duration.minutes(1))
      expect(yield* active).toEqual(["a", "c"])
      yield* refresh
    }
  )
})

/** Does what makes the discovery log, count and trace, and checks that all of it has its effect. */
const everything = Effect.gen(function* () {
  const events = yield* TestTenantEvents
  const manager = yield* TestTenantManager
  const service = yield* TenantDiscovery
  const added: Array<string> = []
  const changes = yield* recordChanges
  yield* service.onTenantAdded(({ id }) => {
    added.push(id)
    return Effect.fail("a failure of the test")
  })
  yield* events.send(
    "{",
    associated("b"),
    TestEvent.cacheInvalidated("a", "other"),
    { event_type: "tenant.renamed", tenant_id: "a" },
    associated("c")
  )
  expect(yield* active).toEqual(["a", "b", "c"])
  yield* manager.fail(undefined, 1)
  yield* Effect.flip(refresh)
  yield* events.lose()
  expect(yield* mode).toBe("BootstrapOnly")
  yield* manager.set(["a", "c", "d"])
  yield* debounced
  yield* events.subscribed
  yield* TestClock.adjust(Duration.seconds(1))
  expect(yield* mode).toBe("Live")
  yield* manager.set([])
  const refreshing = yield* Effect.fork(refresh)
  yield* TestClock.adjust(Duration.seconds(1))
  yield* Fiber.join(refreshing)
  expect(yield* active).toEqual([])
  expect(added).toEqual(["b", "c", "d"])
  expect([...changes].sort()).toEqual([
    "+b",
    "+c",
    "+d",
    ...["a", "b", "c", "d"].map((id) => `-${id} Listing`)
  ])
})

const fault = (): never => {
  throw new Error("a fault of the test")
}

describe("code of the user that throws does not change what the discovery does", () => {
  const faults: ReadonlyArray<readonly [string, Layer.Layer<never>]> = [
    ["without a fault", Layer.empty],
    ["a tracer", Layer.setTracer(Tracer.make({ context: (f) => f(), span: fault }))],
    ["a logger", Logger.replace(Logger.defaultLogger, Logger.make(fault))]
  ]
  it.scoped.each(faults)("%s", ([, layer]) =>
    everything.pipe(
      Effect.provide(world(one)),
      Effect.provide(layer),
      Logger.withMinimumLogLevel(LogLevel.All)
    )
  )

  it.scoped("a metric", () => {
    const metrics = [
      ...Object.values(Metrics.events),
      ...Object.values(Metrics.lists),
      ...Object.values(Metrics.listDurations),
      Metrics.drift,
      Metrics.eventLag,
      Metrics.messagesProcessed,
      Metrics.tenants
    ].map((metric) => vi.spyOn(metric, "unsafeUpdate").mockImplementation(fault))
    return Effect.gen(function* () {
      yield* everything
      expect(metrics.filter(({ mock }) => mock.calls.length > 0).length).toBeGreaterThan(3)
    }).pipe(
      Effect.provide(world(one)),
      Effect.ensuring(Effect.sync(() => metrics.forEach((metric) => metric.mockRestore())))
    )
  })
})

describe("a clock", () => {
  /** The test clock with some of its functions replaced. */
  const clockWith = (replace: (clock: Clock.Clock) => Partial<Clock.Clock>) =>
    Effect.map(Effect.clock, (clock): Clock.Clock => ({
      [Clock.ClockTypeId]: Clock.ClockTypeId,
      unsafeCurrentTimeMillis: () => clock.unsafeCurrentTimeMillis(),
      unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos(),
      currentTimeMillis: clock.currentTimeMillis,
      currentTimeNanos: clock.currentTimeNanos,
      sleep: (duration) => clock.sleep(duration),
      ...replace(clock)
    }))

  overEdges(none)("whose timers fire early does not end the relists", function* ({ manager }) {
    const early = yield* clockWith((clock) => ({
      sleep: (duration) =>
        clock.sleep(
          Duration.greaterThan(duration, "1 second")
            ? Duration.subtract(duration, "1 millis")
            : duration
        )
    }))
    yield* Effect.withClock(Layer.build(discovery()), early)
    yield* TestClock.adjust(Duration.minutes(10))
    expect(yield* manager.calls).toBeGreaterThan(8)
  })

  overEdges(none)("whose wall time jumps changes no wait and no age", function* ({ manager }) {
    let offset = 0
    const jumping = yield* clockWith((clock) => ({
      unsafeCurrentTimeMillis: () => clock.unsafeCurrentTimeMillis() + offset,
      currentTimeMillis: Effect.map(clock.currentTimeMillis, (millis) => millis + offset)
    }))
    const context = yield* Effect.withClock(Layer.build(discovery()), jumping)
    const { requireFresh } = Context.get(context, TenantDiscovery)
    yield* manager.fail()
    for (const jump of [-3_600_000, 7_200_000]) {
      offset += jump
      yield* TestClock.adjust(Duration.seconds(20))
    }
    yield* requireFresh(Duration.seconds(40))
    yield* Effect.flip(requireFresh(Duration.seconds(39)))
    yield* manager.recover
    yield* TestClock.adjust(Duration.minutes(2))
    yield* requireFresh(Duration.seconds(72))
  })
})

describe("spans", () => {
  it.scoped("are one for each applied event, without a parent", () =>
    Effect.gen(function* () {
      const { observed, spans } = yield* makeCollector
      const send = Effect.flatMap(TestTenantEvents, (events) =>
        events.send(
          associated("b", { event_id: "evt-b" }),
          TestEvent.associated("c", "other"),
          "garbage"
        )
      )
      yield* observed(Effect.zipRight(send, settle).pipe(Effect.provide(world())))
      const name = "event.tenant_event_listener.handle_message"
      const own = spans.filter((span) => span.name === name)
      expect(own.map((span) => Object.fromEntries(span.attributes))).toEqual([
        {
          event_type: "tenant.service.associated",
          tenant_id: "b",
          event_id: "evt-b",
          service: SERVICE
        }
      ])
      expect(own[0]?.parent).toEqual(Option.none())
    })
  )
})

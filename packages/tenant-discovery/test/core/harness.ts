/** The real discovery over the doubles of its two edges, and helpers of its tests. */
import { it } from "@effect/vitest"
import {
  Duration,
  Effect,
  Fiber,
  HashMap,
  Layer,
  Logger,
  LogLevel,
  Metric,
  Random,
  Stream,
  type Scope,
  TestClock,
  type TestServices
} from "effect"
import type { YieldWrap } from "effect/Utils"
import { makeDiscovery } from "../../src/internal/discovery/listener.js"
import type { Reducer } from "../../src/internal/discovery/state.js"
import {
  type Tenant,
  type TenantChange,
  TenantDiscovery,
  type TenantDiscoveryOptions,
  type TenantEvents,
  TenantId,
  type TenantListing,
  TenantManager
} from "../../src/index.js"
import {
  type TenantInput,
  TestTenantEvents,
  type TestTenantEventsOptions,
  TestTenantManager
} from "../../src/testing.js"

export const SERVICE = "ledger"

export interface WorldOptions {
  readonly service?: string
  readonly tenants?: Iterable<TenantInput>
  readonly events?: TestTenantEventsOptions
  readonly discovery?: TenantDiscoveryOptions
  /** Changes each list of the double. */
  readonly listing?: (listing: TenantListing) => TenantListing
  /** Replaces the reducer of the discovery. */
  readonly reducer?: Reducer
}

/** The edges alone; heartbeats arrive only where a test sends them. */
export const edges = (options: WorldOptions = {}) =>
  Layer.mergeAll(
    TestTenantEvents.layer({ heartbeatInterval: Duration.infinity, ...options.events }),
    TestTenantManager.layer({
      service: options.service ?? SERVICE,
      tenants: options.tenants ?? []
    })
  )

/** The discovery over the edges of the context. A relist after a resubscription is not spread. */
export const discovery = (options: WorldOptions = {}) =>
  Layer.scoped(
    TenantDiscovery,
    makeDiscovery({ resubscribeJitter: 0, ...options.discovery }, options.reducer)
  ).pipe(Layer.provide(Layer.setRandom(Random.make("the same jitter in each run"))))

const changedLists = ({ listing = (same) => same }: WorldOptions) =>
  Layer.effect(
    TenantManager,
    Effect.map(TenantManager, (manager) => ({
      ...manager,
      listActiveTenants: Effect.map(manager.listActiveTenants, listing)
    }))
  )

/** The edges, and the discovery over them. */
export const world = (options: WorldOptions = {}) =>
  discovery(options).pipe(Layer.provide(changedLists(options)), Layer.provideMerge(edges(options)))

/** Lets every fiber run until it waits for something. */
export const settle = TestClock.adjust(0)

/** More than `relistDebounce`: a list may begin at once after it. */
export const debounced = TestClock.adjust("300 millis")

export const refresh = Effect.flatMap(TenantDiscovery, (service) => service.refresh)

export const status = Effect.flatMap(TenantDiscovery, (service) => service.status.get)

export const ids = (...inputs: ReadonlyArray<string>): ReadonlyArray<TenantId> =>
  inputs.map(TenantId.make)

export const named = (id: string, name: string): Tenant => ({ id: TenantId.make(id), name })

/** IDs `t-0` to `t-(count - 1)`. */
export const many = (count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, i) => `t-${i}`)

/** The active IDs, once nothing runs any more. */
export const active = Effect.zipRight(
  settle,
  Effect.flatMap(TenantDiscovery, (service) => service.activeTenantIds)
)

export const mode = Effect.zipRight(
  settle,
  Effect.map(status, (now) => now.mode)
)

/** A change in a few characters. */
export const summary = (change: TenantChange): string => {
  switch (change._tag) {
    case "Added":
      return `+${change.tenant.id}`
    case "Removed":
      return `-${change.tenant.id} ${
        change.cause._tag === "Event" ? change.cause.eventType : change.cause._tag
      }`
    case "ConnectionsChanged":
      return `${change.tenant.id} ${change.reason}`
    case "Updated":
      return `${change.tenant.id} Updated`
  }
}

/** Collects what a stream emits from now on, until the scope closes. */
export const collect = <A, E, B>(stream: Stream.Stream<A, E>, f: (value: A) => B) =>
  Effect.gen(function* () {
    const all: Array<B> = []
    yield* Effect.forkScoped(Stream.runForEach(stream, (a) => Effect.sync(() => all.push(f(a)))))
    yield* settle
    return all
  })

/** Collects the summaries of the changes from now on. */
export const recordChanges = Effect.flatMap(TenantDiscovery, ({ changes }) =>
  collect(changes, summary)
)

/** Refreshes in the background, and answers once the list has begun. */
export const refreshHeld = Effect.gen(function* () {
  const manager = yield* TestTenantManager
  const held = yield* manager.hold()
  const refreshing = yield* Effect.fork(refresh)
  yield* held.asked
  return { ...held, finish: Effect.zipRight(held.release, Fiber.join(refreshing)) }
})

export interface Line {
  readonly level: string
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** Keeps log lines instead of printing them. */
export const logged = () => {
  const lines: Array<Line> = []
  const logger = Logger.make(({ annotations, logLevel, message }) => {
    lines.push({
      level: logLevel.label,
      message: Array.isArray(message) ? message.map(String).join(" ") : String(message),
      fields: Object.fromEntries(HashMap.toEntries(annotations))
    })
  })
  return {
    lines,
    at: (level: string) => lines.filter((line) => line.level === level),
    messages: (level: string) =>
      lines.filter((line) => line.level === level).map(({ message }) => message),
    layer: Layer.merge(
      Logger.replace(Logger.defaultLogger, logger),
      Logger.minimumLogLevel(LogLevel.Debug)
    )
  }
}

/** The value of a counter or gauge that has all of these labels; 0 without one. */
export const metricValue = (name: string, labels: Readonly<Record<string, string>>) =>
  Effect.map(Metric.snapshot, (pairs) => {
    const pair = pairs.find(
      ({ metricKey }) =>
        metricKey.name === name &&
        Object.entries(labels).every(([key, value]) =>
          metricKey.tags.some((tag) => tag.key === key && tag.value === value)
        )
    )
    const state: object = pair?.metricState ?? {}
    if ("count" in state) return Number(state.count)
    return "value" in state ? Number(state.value) : 0
  })

/** By how much a counter of the discovery grows while `effect` runs. */
export const growth = <A, E, R>(
  name: string,
  labels: Readonly<Record<string, string>>,
  effect: Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const value = metricValue(`tenant_discovery_${name}_total`, { service: SERVICE, ...labels })
    const before = yield* value
    yield* effect
    yield* settle
    return (yield* value) - before
  })

export const none: WorldOptions = {}
export const two: WorldOptions = { tenants: ["a", "b"] }

interface EdgeTools {
  /** Each control waits until every fiber waits for something. */
  readonly events: TestTenantEvents["Type"]
  readonly manager: TestTenantManager["Type"]
  readonly log: ReturnType<typeof logged>
}

interface Tools extends EdgeTools {
  readonly discovery: TenantDiscovery["Type"]
}

type Edges = TestTenantEvents | TestTenantManager | TenantEvents | TenantManager

type Body<Given, R> = (
  tools: Given
) => Generator<
  YieldWrap<Effect.Effect<unknown, unknown, R | Scope.Scope | TestServices.TestServices>>,
  void,
  never
>

export type ScenarioBody = Body<Tools, TenantDiscovery | Edges>

const makeTools = (log: EdgeTools["log"]) =>
  Effect.gen(function* () {
    const events = yield* TestTenantEvents
    const settled: TestTenantEvents["Type"] = {
      ...events,
      subscribed: Effect.zipLeft(events.subscribed, settle),
      send: (...messages) => Effect.zipLeft(events.send(...messages), settle),
      lose: (cause) => Effect.zipLeft(events.lose(cause), settle),
      alive: Effect.zipLeft(events.alive, settle),
      aliveSentAt: (sentAt) => Effect.zipLeft(events.aliveSentAt(sentAt), settle)
    }
    return { events: settled, manager: yield* TestTenantManager, log }
  })

/** Declares a test over the doubles alone, with a log that is kept. */
export const overEdges =
  (options: WorldOptions) =>
  (name: string, body: Body<EdgeTools, Edges>): void =>
    it.scoped(name, () => {
      const log = logged()
      return Effect.flatMap(makeTools(log), (tools) => Effect.gen(() => body(tools))).pipe(
        Effect.provide(edges(options)),
        Effect.provide(log.layer)
      )
    })

/** Declares a test of the discovery over the doubles, with a log that is kept. */
export const over =
  (options: WorldOptions) =>
  (name: string, body: ScenarioBody): void =>
    it.scoped(name, () => {
      const log = logged()
      return Effect.gen(function* () {
        const tools = { ...(yield* makeTools(log)), discovery: yield* TenantDiscovery }
        yield* Effect.gen(() => body(tools))
      }).pipe(Effect.provide(world(options)), Effect.provide(log.layer))
    })

/** The same with the active tenant `a`. */
export const scenario = over({ tenants: ["a"] })

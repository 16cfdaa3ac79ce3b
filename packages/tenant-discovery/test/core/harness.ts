/** The real discovery over the doubles of its two edges, and helpers of its tests. */
import { it } from "@effect/vitest"
import {
  Context,
  Duration,
  Effect,
  Fiber,
  HashMap,
  identity,
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
  TenantId,
  TenantManager
} from "../../src/index.js"
import {
  type TenantInput,
  TestEvent,
  TestTenantEvents,
  type TestTenantEventsOptions,
  TestTenantManager
} from "../../src/testing.js"

export const SERVICE = "ledger"

type ListCall = TenantManager["Type"]["listActiveTenants"]

export interface WorldOptions {
  readonly service?: string
  readonly tenants?: Iterable<TenantInput>
  readonly events?: TestTenantEventsOptions
  readonly discovery?: TenantDiscoveryOptions
  /** Replaces the list call of the double. */
  readonly list?: (list: ListCall) => ListCall
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

const changedLists = ({ list = identity }: WorldOptions) =>
  Layer.map(Layer.service(TenantManager), (context) => {
    const manager = Context.get(context, TenantManager)
    const listActiveTenants = list(manager.listActiveTenants)
    return Context.make(TenantManager, { ...manager, listActiveTenants })
  })

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

/** Events of the service of the tests. */
export const associated = (id: string, more?: TestEvent.Envelope) =>
  TestEvent.associated(id, SERVICE, more)

export const suspended = (id: string, more?: TestEvent.Envelope) =>
  TestEvent.suspended(id, SERVICE, more)

/** The active IDs, once nothing runs any more. */
export const active = Effect.zipRight(
  settle,
  Effect.flatMap(TenantDiscovery, (service) => service.activeTenantIds)
)

export const mode = Effect.zipRight(
  settle,
  Effect.map(status, (now) => now.mode)
)

/** A change as a short text. */
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

/** A warning of the discovery. */
export const warning = (message: unknown, fields: Readonly<Record<string, unknown>> = {}) => ({
  level: "WARN",
  message,
  fields: { service: SERVICE, ...fields }
})

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
export const one: WorldOptions = { tenants: ["a"] }

/** What a test over the edges gets. */
interface Tools {
  /** Each control waits until every fiber waits for something. */
  readonly events: TestTenantEvents["Type"]
  readonly manager: TestTenantManager["Type"]
  readonly log: ReturnType<typeof logged>
}

/** What a test of the discovery gets besides. */
interface DiscoveryTools extends Tools {
  readonly discovery: TenantDiscovery["Type"]
  /** The summaries of the changes since the test began. */
  readonly changes: ReadonlyArray<string>
}

type Edges = Layer.Layer.Success<ReturnType<typeof edges>>

type Body<Given, R> = (
  tools: Given
) => Generator<
  YieldWrap<Effect.Effect<unknown, unknown, R | Scope.Scope | TestServices.TestServices>>,
  void,
  never
>

const settledEvents = Effect.map(TestTenantEvents, (events): Tools["events"] => ({
  ...events,
  subscribed: Effect.zipLeft(events.subscribed, settle),
  send: (...messages) => Effect.zipLeft(events.send(...messages), settle),
  lose: (cause) => Effect.zipLeft(events.lose(cause), settle),
  alive: Effect.zipLeft(events.alive, settle),
  aliveSentAt: (sentAt) => Effect.zipLeft(events.aliveSentAt(sentAt), settle)
}))

const declare =
  <Given, R, E>(
    layer: Layer.Layer<R | Edges, E>,
    complete: (tools: Tools) => Effect.Effect<Given, never, R | Scope.Scope>
  ) =>
  (name: string, body: Body<Given, R | Edges>): void =>
    it.scoped(name, () => {
      const log = logged()
      return Effect.gen(function* () {
        const tools = { events: yield* settledEvents, manager: yield* TestTenantManager, log }
        const given = yield* complete(tools)
        yield* Effect.gen(() => body(given))
      }).pipe(Effect.provide(layer), Effect.provide(log.layer))
    })

/** Declares a test over the doubles alone, with a log that is kept. */
export const overEdges = (options: WorldOptions) => declare(edges(options), Effect.succeed)

/** Declares a test of the discovery over the doubles, with a log that is kept. */
export const over = (options: WorldOptions) =>
  declare(world(options), (tools) =>
    Effect.map(
      Effect.all({ discovery: TenantDiscovery, changes: recordChanges }),
      (more): DiscoveryTools => ({ ...tools, ...more })
    )
  )

/** The same with the active tenant `a`. */
export const scenario = over(one)

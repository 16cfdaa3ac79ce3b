/** The real discovery over the doubles of its two edges, and what its tests ask of it. */
import { Effect, Layer, Logger, LogLevel, HashMap, Random, Stream, TestClock } from "effect"
import {
  type Tenant,
  type TenantChange,
  TenantDiscovery,
  type TenantDiscoveryOptions,
  TenantId
} from "../../src/index.js"
import {
  TestTenantEvents,
  type TestTenantEventsOptions,
  TestTenantManager,
  type TenantInput
} from "../../src/testing.js"

export const SERVICE = "ledger"

export interface WorldOptions {
  readonly tenants?: Iterable<TenantInput>
  readonly events?: TestTenantEventsOptions
  readonly discovery?: TenantDiscoveryOptions
}

/** The edges alone. */
export const edges = (options: WorldOptions = {}) =>
  Layer.mergeAll(
    TestTenantEvents.layer(options.events),
    TestTenantManager.layer({ service: SERVICE, tenants: options.tenants ?? [] })
  )

/** The edges, and the discovery over them. Jitter is the same at each run. */
export const world = (options: WorldOptions = {}) =>
  Layer.provideMerge(
    TenantDiscovery.layer({ resubscribeJitter: 0, ...options.discovery }),
    edges(options)
  ).pipe(Layer.provideMerge(Layer.setRandom(Random.make("the same jitter each time"))))

/** Lets every fiber run until it waits for something. */
export const settle = TestClock.adjust(0)

export const ids = (...inputs: ReadonlyArray<string>): ReadonlyArray<TenantId> =>
  inputs.map(TenantId.make)

/** Longer than two lists nobody waits for are kept apart. */
export const apart = TestClock.adjust("300 millis")

/** IDs `t-0` to `t-(count - 1)`. */
export const many = (count: number, prefix = "t-"): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`)

/** The IDs of the view, once all is quiet, sorted. */
export const seen = Effect.gen(function* () {
  yield* settle
  const discovery = yield* TenantDiscovery
  return [...(yield* discovery.activeTenantIds)].sort()
})

export const mode = Effect.gen(function* () {
  yield* settle
  const discovery = yield* TenantDiscovery
  return (yield* discovery.status.get).mode
})

export const told = (change: TenantChange): string =>
  change._tag === "Removed"
    ? `-${change.tenant.id} ${change.cause._tag === "Event" ? change.cause.eventType : change.cause._tag}`
    : `${change._tag === "Added" ? "+" : `${change._tag} `}${change.tenant.id}`

/** Collects what `changes` tells, from now on, in a few letters each. */
export const record = Effect.gen(function* () {
  const discovery = yield* TenantDiscovery
  const all: Array<string> = []
  yield* discovery.changes.pipe(
    Stream.runForEach((change) => Effect.sync(() => all.push(told(change)))),
    Effect.forkScoped
  )
  yield* settle
  return all
})

export interface Line {
  readonly level: string
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** Keeps log lines in place of printing them. */
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
    layer: Layer.merge(
      Logger.replace(Logger.defaultLogger, logger),
      Logger.minimumLogLevel(LogLevel.Debug)
    )
  }
}

export const named = (id: string, name: string): Tenant => ({ id: TenantId.make(id), name })

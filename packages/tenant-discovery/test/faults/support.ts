/** Real servers behind fault proxies, a watched program on them, and the checks at its end. */
import { expect } from "@effect/vitest"
import { FaultProxy, RedisServer, Simulator } from "@tenant-discovery/simulator"
import { Cause, Effect, Fiber, Redacted, Schedule, type Scope, Stream } from "effect"
import { randomUUID } from "node:crypto"
import { inspect } from "node:util"
import type { DiscoveryStatus } from "../../src/DiscoveryStatus.js"
import type { LayerConfigOptions } from "../../src/NodeTenantDiscovery.js"
import type { TenantDiscoveryService } from "../../src/TenantDiscoveryService.js"
import type { Line } from "../node/support.js"
import { agrees, fold, isLive, listen, quick, startProgram, type World } from "../wire/support.js"

/** `npm run test:faults` sets `FAULTS=long` and runs the tests that take minutes too. */
export const long = process.env["FAULTS"] === "long"

/** The number of repetitions: `many` in a long run. */
export const times = (many: number, few: number): number => (long ? many : few)

export const LONG = 300_000

const API_KEY = "k3y-that-must-not-appear"

/** A native Redis where one is installed. */
export const hasNative = (await Effect.runPromise(RedisServer.available)).includes("native")
export const kind = hasNative ? "native" : "embedded"

export interface Servers extends World {
  /** The proxy in front of the tenant manager. */
  readonly api: FaultProxy.FaultProxy
}

export const makeServers = (
  options: {
    readonly redis?: RedisServer.RedisServerOptions
    readonly tenants?: number
    readonly publishTimeoutMillis?: number
  } = {}
): Effect.Effect<Servers, never, Scope.Scope> =>
  Effect.gen(function* () {
    const redis = yield* RedisServer.make({ kind, ...options.redis })
    const simulator = yield* Simulator.make({
      redis,
      environment: `test-${randomUUID()}`,
      tenants: options.tenants ?? 8,
      apiKey: Redacted.make(API_KEY),
      // On a busy machine a short limit would lose events that the test does not mean to lose.
      publishTimeoutMillis: options.publishTimeoutMillis ?? 5_000
    })
    const proxy = yield* FaultProxy.make(redis)
    const api = yield* FaultProxy.make({ host: "127.0.0.1", port: simulator.port })
    const variables = {
      ...simulator.env,
      MULTI_TENANT_REDIS_PORT: String(proxy.port),
      MULTI_TENANT_URL: `http://127.0.0.1:${api.port}`
    }
    const servers: Servers = { simulator, redis, proxy, api, variables }
    return servers
  }).pipe(Effect.orDie)

export interface Watched {
  readonly discovery: TenantDiscoveryService
  readonly lines: ReadonlyArray<Line>
  /** The statuses until the close, in order; a short one may be missing. */
  readonly statuses: ReadonlyArray<DiscoveryStatus>
  /** The calls of the handlers since the start: `Added acme`, `Removed acme`. */
  readonly notified: ReadonlyArray<string>
  readonly close: Effect.Effect<void>
  /** Closes the program; fails where a notification was wrong or the close leaves anything. */
  readonly verify: Effect.Effect<void>
}

/** Repeats `ask` until the answer is as wanted; after ten seconds fails with the last answer. */
export const until = <A, E, R>(
  what: string,
  ask: Effect.Effect<A, E, R>,
  wanted: (answer: A) => boolean
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    let last: unknown
    return ask.pipe(
      Effect.tap((answer) => Effect.sync(() => (last = answer))),
      Effect.repeat(Schedule.zipRight(Schedule.spaced("5 millis"), Schedule.recurUntil(wanted))),
      Effect.timeoutFailCause({
        duration: "10 seconds",
        onTimeout: () => Cause.die(new Error(`not within 10 s: ${what}; last: ${inspect(last)}`))
      })
    )
  })

/** Root fibers, and timers that keep the process alive. */
export interface Leftovers {
  readonly fibers: number
  readonly timers: number
}

const leftovers = Effect.map(Fiber.roots, (fibers): Leftovers => ({
  fibers: fibers.length,
  timers: process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
}))

/** Measures in the way of `expectNothingLeft`, whose own wait has a timer and fibers. */
export const measureLeftovers: Effect.Effect<Leftovers> = Effect.suspend(() => {
  let asked = 0
  return until("a measurement", leftovers, () => ++asked > 2)
})

/** Expects no connection through a proxy, and no more fibers and timers than before. */
export const expectNothingLeft = (
  { api, proxy }: Servers,
  before: Leftovers
): Effect.Effect<void> =>
  Effect.gen(function* () {
    // A held proxy does not notice that a connection ends.
    yield* Effect.orDie(Effect.zipRight(proxy.resume, api.resume))
    yield* until(
      "no connections",
      Effect.all({ redis: proxy.connections, http: api.connections }),
      ({ http, redis }) => redis === 0 && http === 0
    )
    yield* until(
      `no more than ${inspect(before)}`,
      leftovers,
      ({ fibers, timers }) => fibers <= before.fibers && timers <= before.timers
    )
  })

/** Starts a program and records its statuses and notifications from the first list on. */
export const watch = (
  servers: Servers,
  options: {
    readonly variables?: Readonly<Record<string, string>>
    readonly program?: LayerConfigOptions
  } = {}
) =>
  Effect.gen(function* () {
    const { simulator } = servers
    const before = yield* measureLeftovers
    const {
      close: closeScope,
      discovery,
      lines
    } = yield* startProgram(
      { ...servers.variables, ...options.variables },
      options.program ?? quick
    )
    const statuses: Array<DiscoveryStatus> = []
    let closing = false
    const watching = yield* discovery.status.changes.pipe(
      Stream.runForEach((status) => Effect.sync(() => (closing ? 0 : statuses.push(status)))),
      Effect.fork
    )
    const reader = yield* listen(discovery)
    const balance = new Map<string, number>()
    const notified: Array<string> = []
    const tell = (what: string, id: string, by: number) =>
      Effect.sync(() => {
        notified.push(`${what} ${id}`)
        balance.set(id, (balance.get(id) ?? 0) + by)
      })
    yield* discovery.onTenantAdded(({ id }) => tell("Added", id, 1), { replay: true })
    yield* discovery.onTenantRemoved(({ id }) => tell("Removed", id, -1))

    const close = Effect.suspend(() => {
      closing = true
      return closeScope
    })
    const verify = Effect.gen(function* () {
      yield* agrees(simulator, discovery)
      const ids = yield* discovery.activeTenantIds
      yield* until(
        "the handlers received each tenant",
        Effect.sync(() => ids.filter((id) => balance.get(id) !== 1)),
        (missing) => missing.length === 0
      )
      yield* close
      const changes = yield* reader.done
      yield* Fiber.join(watching)
      expect(fold(reader.before, changes)?.toSorted()).toEqual([...ids].toSorted())
      expect([...balance.values()].reduce((sum, each) => sum + each, 0)).toBe(ids.length)
      expect(inspect([lines, statuses], { depth: 20 })).not.toContain(API_KEY)
      const toldByNow = notified.length
      yield* expectNothingLeft(servers, before)
      expect(notified.length).toBe(toldByNow)
    })
    const result: Watched = { discovery, lines, statuses, notified, close, verify }
    return result
  })

/** A watched program that is Live; `verifyLive` also expects that it was never anything else. */
export const watchLive = (
  given: Servers | Parameters<typeof makeServers>[0] = {},
  options: Parameters<typeof watch>[1] = {}
) =>
  Effect.gen(function* () {
    const servers = "simulator" in given ? given : yield* makeServers(given)
    const watched = yield* watch(servers, options)
    yield* isLive(watched.discovery)
    const verifyLive = Effect.gen(function* () {
      yield* watched.verify
      expect(modes(watched.statuses)).toEqual(["Live"])
    })
    return { ...servers, ...watched, servers, verifyLive }
  })

/** The last error as text: its tag and message. */
export const lastErrorText = ({ lastError }: DiscoveryStatus): string => {
  switch (lastError?._tag) {
    case undefined:
      return ""
    case "ListFailed":
      return `${lastError.error._tag}: ${lastError.error.message}`
    case "SubscriptionLost":
      return `${lastError.cause._tag}: ${lastError.cause.message}`
    case "ListIncomplete":
      return `${lastError._tag}: ${lastError.message}`
  }
}

/** The sequence of modes. */
export const modes = (statuses: ReadonlyArray<DiscoveryStatus>) =>
  statuses
    .map(({ mode }) => mode)
    .filter((mode, index, all) => index === 0 || mode !== all[index - 1])

/** Expects that the subscription was lost for this reason and that the last mode is Live. */
export const expectLoss = (statuses: ReadonlyArray<DiscoveryStatus>, reason: RegExp): void => {
  expect(modes(statuses)).toContain("BootstrapOnly")
  expect(statuses.map(lastErrorText).filter((text) => reason.test(text))).not.toEqual([])
  expect(statuses.at(-1)?.mode).toBe("Live")
}

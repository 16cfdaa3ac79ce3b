/**
 * A stage for servers that are treated badly: a fleet, a proxy before either server,
 * a program on them, and the verdict over everything that the program was told.
 */
import { expect } from "@effect/vitest"
import { FaultProxy, RedisServer, Simulator } from "@tenant-discovery/simulator"
import { Cause, Effect, Fiber, Redacted, Schedule, type Scope, Stream } from "effect"
import { randomUUID } from "node:crypto"
import { inspect } from "node:util"
import type { DiscoveryStatus } from "../../src/DiscoveryStatus.js"
import type { LayerConfigOptions } from "../../src/NodeTenantDiscovery.js"
import type { TenantDiscoveryService } from "../../src/TenantDiscoveryService.js"
import type { Line } from "../node/support.js"
import { hasNative } from "../redis/support.js"
import { agrees, fold, listen, quick, startProgram, type World } from "../wire/support.js"

/** `FAULTS=long` takes what takes minutes too: `npm run test:faults`. */
export const long = process.env["FAULTS"] === "long"

/** As many as there is time for. */
export const times = (many: number, few: number): number => (long ? many : few)

export const LONG = 300_000

const API_KEY = "k3y-that-nobody-may-see"

/** Whichever server is here; native where both are. */
export const kind = hasNative ? "native" : "embedded"

export interface Stage extends World {
  /** What the calls to the tenant manager go through. */
  readonly api: FaultProxy.FaultProxy
}

export const makeStage = (
  options: {
    readonly redis?: RedisServer.RedisServerOptions
    readonly tenants?: number
    readonly publishTimeoutMillis?: number
  } = {}
): Effect.Effect<Stage, never, Scope.Scope> =>
  Effect.gen(function* () {
    const redis = yield* RedisServer.make({ kind, ...options.redis })
    const simulator = yield* Simulator.make({
      redis,
      environment: `test-${randomUUID()}`,
      tenants: options.tenants ?? 8,
      apiKey: Redacted.make(API_KEY),
      // An event that is lost because the machine is busy is found by a list alone.
      publishTimeoutMillis: options.publishTimeoutMillis ?? 5_000
    })
    const proxy = yield* FaultProxy.make(redis)
    const api = yield* FaultProxy.make({ host: "127.0.0.1", port: simulator.port })
    const variables = {
      ...simulator.env,
      MULTI_TENANT_REDIS_PORT: String(proxy.port),
      MULTI_TENANT_URL: `http://127.0.0.1:${api.port}`
    }
    const stage: Stage = { simulator, redis, proxy, api, variables }
    return stage
  }).pipe(Effect.orDie)

export interface Play {
  readonly discovery: TenantDiscoveryService
  readonly lines: ReadonlyArray<Line>
  /** Every status until the close, in order; a quick one may be passed over. */
  readonly statuses: ReadonlyArray<DiscoveryStatus>
  /** What the handlers were told since the start: `Added acme`, `Removed acme`. */
  readonly told: ReadonlyArray<string>
  readonly close: Effect.Effect<void>
  /** Closes the program where it is not closed yet, and fails where anything it told was wrong or anything is left. */
  readonly verdict: Effect.Effect<void>
}

/** Asks again and again until it is as wanted; after ten seconds fails with what it was last. */
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
        onTimeout: () => Cause.die(new Error(`never came true: ${what}; last: ${inspect(last)}`))
      })
    )
  })

/** What keeps a process alive, and what runs in it. */
export interface Leftovers {
  readonly fibers: number
  readonly timers: number
}

const leftovers = Effect.map(Fiber.roots, (fibers): Leftovers => ({
  fibers: fibers.length,
  timers: process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
}))

/** Measured as it is in the end: whoever has waited for a while has a timer and fibers. */
export const measured: Effect.Effect<Leftovers> = Effect.suspend(() => {
  let asked = 0
  return until("measured", leftovers, () => ++asked > 2)
})

/** No connection through either proxy, and no more fibers and timers than before. */
export const nothingLeft = ({ api, proxy }: Stage, before: Leftovers): Effect.Effect<void> =>
  Effect.gen(function* () {
    // Nothing is read from a held connection, its end neither.
    yield* Effect.orDie(Effect.zipRight(proxy.resume, api.resume))
    yield* until(
      "no connection is left",
      Effect.all({ redis: proxy.connections, http: api.connections }),
      ({ http, redis }) => redis === 0 && http === 0
    )
    yield* until(
      `no more is left than ${inspect(before)}`,
      leftovers,
      ({ fibers, timers }) => fibers <= before.fibers && timers <= before.timers
    )
  })

/** A program on the stage, watched from its first list on. */
export const play = (
  stage: Stage,
  options: {
    readonly variables?: Readonly<Record<string, string>>
    readonly program?: LayerConfigOptions
  } = {}
) =>
  Effect.gen(function* () {
    const { simulator } = stage
    const before = yield* measured
    const {
      close: closeScope,
      discovery,
      lines
    } = yield* startProgram({ ...stage.variables, ...options.variables }, options.program ?? quick)
    const statuses: Array<DiscoveryStatus> = []
    let closing = false
    const watching = yield* discovery.status.changes.pipe(
      Stream.runForEach((status) => Effect.sync(() => (closing ? 0 : statuses.push(status)))),
      Effect.fork
    )
    const reader = yield* listen(discovery)
    const balance = new Map<string, number>()
    const told: Array<string> = []
    const tell = (what: string, id: string, by: number) =>
      Effect.sync(() => {
        told.push(`${what} ${id}`)
        balance.set(id, (balance.get(id) ?? 0) + by)
      })
    yield* discovery.onTenantAdded(({ id }) => tell("Added", id, 1), { replay: true })
    yield* discovery.onTenantRemoved(({ id }) => tell("Removed", id, -1))

    const close = Effect.suspend(() => {
      closing = true
      return closeScope
    })
    const verdict = Effect.gen(function* () {
      yield* agrees(simulator, discovery)
      const ids = yield* discovery.activeTenantIds
      yield* until(
        "each handler was told",
        Effect.sync(() => ids.filter((id) => balance.get(id) !== 1)),
        (missing) => missing.length === 0
      )
      yield* close
      const changes = yield* reader.done
      yield* Fiber.join(watching)
      expect(fold(reader.before, changes)?.toSorted()).toEqual([...ids].toSorted())
      expect([...balance.values()].reduce((sum, each) => sum + each, 0)).toBe(ids.length)
      expect(inspect([lines, statuses], { depth: 20 })).not.toContain(API_KEY)
      const toldByNow = told.length
      yield* nothingLeft(stage, before)
      expect(told.length).toBe(toldByNow)
    })
    const result: Play = { discovery, lines, statuses, told, close, verdict }
    return result
  })

/** The last thing that went wrong, as text: its tag and its message. */
export const trouble = ({ lastError }: DiscoveryStatus): string => {
  if (lastError === undefined) return ""
  const { _tag, message } = lastError._tag === "ListFailed" ? lastError.error : lastError.cause
  return `${_tag}: ${message}`
}

/** The modes as they followed one another. */
export const modes = (statuses: ReadonlyArray<DiscoveryStatus>) =>
  statuses
    .map(({ mode }) => mode)
    .filter((mode, index, all) => index === 0 || mode !== all[index - 1])

/** That the subscription was lost for that reason, that the status said so, and that it is back. */
export const toldOfLoss = (statuses: ReadonlyArray<DiscoveryStatus>, reason: RegExp): void => {
  expect(modes(statuses)).toContain("BootstrapOnly")
  expect(statuses.map(trouble).filter((text) => reason.test(text))).not.toEqual([])
  expect(statuses.at(-1)?.mode).toBe("Live")
}

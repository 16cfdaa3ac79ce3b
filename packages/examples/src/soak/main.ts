/**
 * `npm run soak -- --minutes N`: runs a program while a fault strikes its servers every few seconds,
 * and compares its view with the tenant manager's state. The exit code is 1 where a tenant was wrong
 * for too long, a reader disagrees with the view, or the close leaves anything behind.
 */
import { NodeRuntime } from "@effect/platform-node"
import { FaultProxy, RedisServer, Simulator } from "@tenant-discovery/simulator"
import {
  ConfigProvider,
  Console,
  Context,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  LogLevel,
  Metric,
  MetricState,
  Scope
} from "effect"
import { TenantDiscovery } from "tenant-discovery"
import { NodeTenantDiscovery } from "tenant-discovery/node"
import { parseArgs } from "node:util"
import { FLEET, steadyChange } from "./change.js"
import { faults, type Servers } from "./faults.js"
import { Divergence } from "./watch.js"
import { makeReader, makeWork } from "./work.js"

const READERS = 10
const SLOW_READERS = 2
const WORKERS = 50
/** Longer than a fault, the recovery and a reconcile interval together. */
const LASTING = 30_000
const SAMPLE = "200 millis"

const { values } = parseArgs({ options: { minutes: { type: "string", default: "10" } } })
const minutes = Number(values.minutes)

const megabytes = (bytes: number) => Math.round(bytes / 1024 / 1024)

interface Measure {
  readonly heap: number
  readonly handles: number
  readonly fibers: number
}

/** Measures after two garbage collections: the second frees what finalizers released. */
const measure: Effect.Effect<Measure> = Effect.gen(function* () {
  for (let round = 0; round < 2; round++) {
    globalThis.gc?.()
    yield* Effect.sleep("100 millis")
  }
  const fibers = yield* Fiber.roots
  return {
    heap: megabytes(process.memoryUsage().heapUsed),
    handles: process.getActiveResourcesInfo().length,
    fibers: fibers.length
  }
})

/** The sum of a counter over all its tags. */
const counted = (name: string) =>
  Effect.map(Metric.snapshot, (pairs) =>
    pairs.reduce(
      (sum, { metricKey, metricState }) =>
        metricKey.name === name && MetricState.isCounterState(metricState)
          ? sum + Number(metricState.count)
          : sum,
      0
    )
  )

const makeServers = Effect.gen(function* () {
  const redis = yield* RedisServer.make()
  const simulator = yield* Simulator.make({ redis, environment: "soak", tenants: FLEET })
  const proxy = yield* FaultProxy.make(redis)
  const api = yield* FaultProxy.make({ host: "127.0.0.1", port: simulator.port })
  const servers: Servers = { simulator, redis, proxy, api }
  return servers
})

const variables = ({ api, proxy, simulator }: Servers) => ({
  ...simulator.env,
  MULTI_TENANT_URL: `http://127.0.0.1:${api.port}`,
  MULTI_TENANT_REDIS_PORT: String(proxy.port),
  MULTI_TENANT_TIMEOUT: "2",
  MULTI_TENANT_CIRCUIT_BREAKER_TIMEOUT_SEC: "2",
  MULTI_TENANT_RECONCILE_INTERVAL_SEC: "5"
})

const program = NodeTenantDiscovery.layerConfigWith({
  events: {
    heartbeatInterval: "500 millis",
    heartbeatTimeout: "1 second",
    backoff: { base: "100 millis", cap: "1 second" }
  },
  discovery: { relistBackoffCap: "2 seconds" }
})

const soak = Effect.gen(function* () {
  const servers = yield* makeServers
  const { simulator } = servers
  const atRest = yield* measure

  const scope = yield* Scope.make()
  const discovery = Context.get(
    yield* Layer.buildWithScope(program, scope).pipe(
      Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables(servers)))))
    ),
    TenantDiscovery
  )
  const began = new Set<string>(yield* discovery.activeTenantIds)
  const readers = yield* Effect.forEach(Array.from({ length: READERS }), (_, index) =>
    Scope.extend(makeReader(discovery, began, index < SLOW_READERS), scope)
  )
  const work = makeWork(WORKERS)
  yield* Layer.buildWithScope(work.layer, scope).pipe(
    Effect.provideService(TenantDiscovery, discovery)
  )
  // Workers start a few at a time.
  yield* Effect.sleep("50 millis").pipe(
    Effect.repeat({ until: () => work.ids().length === WORKERS }),
    Effect.timeoutOption("10 seconds")
  )
  const atStart = yield* measure
  yield* Console.log(`at rest ${JSON.stringify(atRest)}, started ${JSON.stringify(atStart)}`)

  const divergence = new Divergence()
  /** Runs of tenants that are no longer active. */
  const lateWork = new Divergence()
  const sample = Effect.map(
    Effect.zip(simulator.activeTenantIds(), discovery.activeTenantIds),
    ([truth, view]) => {
      const now = performance.now()
      const active = new Set(truth)
      divergence.sample(truth, view, now)
      lateWork.sample(
        [],
        work.ids().filter((id) => !active.has(id)),
        now
      )
    }
  )
  const struck = new Map<string, number>()
  const strike = Effect.gen(function* () {
    const fault = faults[Math.floor(Math.random() * faults.length)] ?? faults[0]
    struck.set(fault.name, (struck.get(fault.name) ?? 0) + 1)
    yield* Effect.ignoreLogged(fault.run(servers))
    yield* Effect.sleep(Math.random() * 4_000)
  })
  const progress = Effect.gen(function* () {
    const { mode } = yield* discovery.status.get
    const sum = [...struck.values()].reduce((all, count) => all + count, 0)
    yield* Console.log(
      `${mode}, ${(yield* discovery.activeTenantIds).length} tenants, ${sum} faults, ` +
        `${divergence.wrong} wrong now, longest ${Math.round(divergence.longest)} ms, ` +
        `${work.ids().length} workers, ${megabytes(process.memoryUsage().heapUsed)} MB`
    )
  })

  const sampling = yield* Effect.fork(Effect.forever(Effect.zipRight(sample, Effect.sleep(SAMPLE))))
  yield* Effect.all(
    [
      steadyChange(simulator),
      Effect.forever(strike),
      Effect.forever(Effect.zipRight(Effect.sleep("30 seconds"), progress))
    ],
    { concurrency: "unbounded", discard: true }
  ).pipe(Effect.timeoutOption(minutes * 60_000))

  // No more faults: the program must recover by itself.
  yield* simulator.clearTrouble
  const calmFrom = performance.now()
  yield* sample.pipe(
    Effect.zipRight(Effect.sleep("50 millis")),
    Effect.repeat({ until: () => divergence.wrong === 0 }),
    Effect.timeoutOption(LASTING)
  )
  const settled = performance.now() - calmFrom
  yield* Fiber.interrupt(sampling)
  yield* Effect.sleep("1 second")
  const view = (yield* discovery.activeTenantIds).toSorted().join(" ")
  const wrongReaders = readers.filter(
    ({ ids, mistakes }) => mistakes() > 0 || [...ids].toSorted().join(" ") !== view
  ).length
  const events = yield* counted("tenant_discovery_events_total")
  const drift = yield* counted("tenant_discovery_drift_total")
  const workersAtEnd = work.ids()
  const known = new Set<string>(yield* discovery.activeTenantIds)
  const atEnd = yield* measure
  const closing = performance.now()
  yield* Scope.close(scope, Exit.void)
  const closed = performance.now() - closing
  const afterwards = yield* measure

  const failures = [
    ...(divergence.wrong > 0 || divergence.longest > LASTING ? ["the view stayed wrong"] : []),
    ...(wrongReaders > 0 ? [`${wrongReaders} readers disagree with the view`] : []),
    ...(workersAtEnd.length === WORKERS
      ? []
      : [`${workersAtEnd.length} workers instead of ${WORKERS}`]),
    ...(workersAtEnd.every((id) => known.has(id)) ? [] : ["workers of inactive tenants"]),
    ...(lateWork.longest > LASTING ? ["work continued for an inactive tenant"] : []),
    ...(work.twice() > 0 ? ["two workers for one tenant"] : []),
    ...(work.ids().length === 0 ? [] : [`${work.ids().length} workers remain`]),
    ...(atEnd.heap > atStart.heap * 1.5 + 30 ? ["the heap grew"] : []),
    ...(atEnd.fibers > atStart.fibers + 20 ? ["fibers grew"] : []),
    ...(atEnd.handles > atStart.handles + 10 ? ["handles grew"] : []),
    ...(afterwards.handles > atRest.handles + 2 ? ["handles remain"] : []),
    ...(afterwards.fibers > atRest.fibers ? ["fibers remain"] : [])
  ]
  yield* Console.log(
    JSON.stringify({
      minutes,
      events,
      faults: Object.fromEntries([...struck].toSorted(([a], [b]) => (a < b ? -1 : 1))),
      longestDivergenceMillis: Math.round(divergence.longest),
      longestLateWorkMillis: Math.round(lateWork.longest),
      settledMillis: Math.round(settled),
      drift,
      lists: yield* simulator.listCalls,
      atRest,
      atStart,
      atEnd,
      closedMillis: Math.round(closed),
      afterwards,
      failures
    })
  )
  if (failures.length > 0) yield* Effect.fail(failures.join("; "))
}).pipe(Effect.scoped, Logger.withMinimumLogLevel(LogLevel.Error))

if (!Number.isFinite(minutes) || minutes <= 0) {
  process.stderr.write("usage: npm run soak -- --minutes N\n")
  process.exitCode = 2
} else {
  NodeRuntime.runMain(soak)
}

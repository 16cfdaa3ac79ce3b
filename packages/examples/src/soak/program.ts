/** The program under test, and the servers that it uses. */
import { FaultProxy, RedisServer, Simulator } from "@tenant-discovery/simulator"
import { ConfigProvider, Context, Effect, Layer, Scope } from "effect"
import { TenantConnections, TenantDiscovery, TenantWorker } from "tenant-discovery"
import { NodeTenantDiscovery } from "tenant-discovery/node"
import { FLEET } from "./change.js"
import type { JumpingClock } from "./clock.js"
import type { Servers } from "./faults.js"
import { HeldPool, PoolTally, SharedPool } from "./pools.js"
import { Misbehaviour } from "./trouble.js"
import type { FiberCount } from "./watch.js"
import { makeReader, makeWork } from "./work.js"

const READERS = 10
const SLOW_READERS = 2

/** The servers, until the scope closes. */
export const makeServers = ({ jump }: JumpingClock) =>
  Effect.gen(function* () {
    const redis = yield* RedisServer.make()
    const simulator = yield* Simulator.make({ redis, environment: "soak", tenants: FLEET })
    const proxy = yield* FaultProxy.make(redis)
    const api = yield* FaultProxy.make({ host: "127.0.0.1", port: simulator.port })
    const servers: Servers = { simulator, redis, proxy, api, jumpWallClock: jump }
    return servers
  })

const variables = ({ api, proxy, simulator }: Servers) => ({
  ...simulator.env,
  MULTI_TENANT_URL: `http://127.0.0.1:${api.port}`,
  MULTI_TENANT_REDIS_PORT: String(proxy.port),
  MULTI_TENANT_TIMEOUT: "5",
  MULTI_TENANT_CIRCUIT_BREAKER_TIMEOUT_SEC: "2",
  MULTI_TENANT_RECONCILE_INTERVAL_SEC: "5"
})

const Discovery = NodeTenantDiscovery.layerConfigWith({
  events: {
    heartbeatInterval: "500 millis",
    heartbeatTimeout: "1 second",
    backoff: { base: "100 millis", cap: "1 second" }
  },
  discovery: { relistBackoffCap: "2 seconds" }
})

/** What a program has: its parts, how often it did what, and how its own work may go wrong. */
export interface Program {
  readonly discovery: TenantDiscovery["Type"]
  readonly readers: ReadonlyArray<Effect.Effect.Success<ReturnType<typeof makeReader>>>
  readonly work: ReturnType<typeof makeWork>
  readonly tally: PoolTally["Type"]
  readonly trouble: Misbehaviour
}

/** What the workers' statuses say of a tenant. */
export const describeWork = ({ discovery }: Program, tenant: string) =>
  Effect.forEach(["sweep", "relay"], (name) =>
    Effect.map(TenantWorker.status(name), (tenants) =>
      [...tenants].flatMap(([id, status]) =>
        id === tenant ? [`${name} of ${id}: ${JSON.stringify(status).slice(0, 500)}`] : []
      )
    )
  ).pipe(
    Effect.map((lines) => lines.flat().join("\n")),
    Effect.provideService(TenantDiscovery, discovery)
  )

/** Starts the program in the scope; its fibers are counted, and its wall clock is the jumping one. */
export const startProgram = (
  servers: Servers,
  { clock }: JumpingClock,
  fibers: FiberCount,
  scope: Scope.Scope
) =>
  Effect.gen(function* () {
    const trouble = new Misbehaviour()
    const work = makeWork(trouble)
    const tally = { acquired: 0, released: 0, usedAfterRelease: 0, trouble }
    const pools = Layer.mergeAll(SharedPool.layer(), HeldPool.layer()).pipe(
      Layer.provideMerge(Layer.succeed(PoolTally, tally)),
      Layer.provide(
        // After each gap the settings of all tenants are read again.
        TenantConnections.layer({ rotationJitter: "30 seconds" })
      ),
      Layer.provideMerge(Discovery)
    )
    const context = yield* Layer.buildWithScope(Layer.provideMerge(work.layer, pools), scope)
    const discovery = Context.get(context, TenantDiscovery)
    const began = yield* discovery.activeTenantIds
    const readers = yield* Effect.forEach(Array.from({ length: READERS }), (_, index) =>
      Scope.extend(makeReader(discovery, began, index < SLOW_READERS), scope)
    )
    const program: Program = { discovery, readers, work, tally, trouble }
    return program
  }).pipe(
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables(servers))))),
    Effect.withClock(clock),
    Effect.supervised(fibers)
  )

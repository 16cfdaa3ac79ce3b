/**
 * `npm run demo`: starts a tenant manager, a Redis server and a program that uses both, then plays
 * faults on them. The exit code is 1 where an act does not end as expected.
 */
import { NodeRuntime } from "@effect/platform-node"
import { RedisServer, Simulator } from "@tenant-discovery/simulator"
import {
  ConfigProvider,
  Context,
  Effect,
  Exit,
  Layer,
  Logger,
  Ref,
  Schedule,
  Scope,
  Stream
} from "effect"
import { CurrentTenant, type TenantChange, TenantDiscovery, TenantWorker } from "tenant-discovery"
import { NodeTenantDiscovery } from "tenant-discovery/node"
import { playClose, playStory, type Stage } from "./story.js"
import { makeTimeline, type Timeline } from "./timeline.js"

const TENANTS = [
  { id: "0193E8F0-C4B8-7C4A-9F3B-2F6F0C1D2E3F", name: "Acme Corp" },
  { id: "7f3c2b1a-0d4e-4c8b-9a6f-5e1d2c3b4a59", name: "Globex" },
  { id: "org_01KH" },
  { id: "tenant-3" }
]

/** A scheduled worker over the active tenants, and one that runs while a tenant is active. */
const workers = (timeline: Timeline) => {
  const served = new Set<string>()
  const serve = Effect.flatMap(CurrentTenant, ({ id }) => Effect.sync(() => served.add(id)))
  const report = Effect.suspend(() => {
    const ids = [...served]
    served.clear()
    return ids.length === 0
      ? Effect.void
      : timeline.faint(`scheduled worker served ${ids.length}: ${ids.join(" ")}`)
  })
  const announced = Effect.acquireRelease(
    Effect.flatMap(CurrentTenant, ({ id }) => timeline.faint(`worker of ${id} starts`)),
    () => Effect.flatMap(CurrentTenant, ({ id }) => timeline.faint(`worker of ${id} stops`))
  )
  return Layer.mergeAll(
    TenantWorker.scheduled({ name: "sync", schedule: Schedule.spaced("1 second"), run: serve }),
    TenantWorker.perTenant({
      name: "relay",
      maxTenants: 100,
      run: Effect.scoped(Effect.zipRight(announced, Effect.never))
    }),
    Layer.scopedDiscard(Effect.forkScoped(Effect.repeat(report, Schedule.spaced("1 second"))))
  )
}

const stay = (simulator: Simulator.SimulatorService, timeline: Timeline): Effect.Effect<never> => {
  const post = (path: string, body: object) =>
    `  curl -X POST localhost:${simulator.port}/admin/${path} -H 'content-type: application/json' -d '${JSON.stringify(body)}'`
  const lines = [
    "",
    "The servers and the program keep running; press Ctrl+C to stop them. Operations:",
    post("create", { id: "stark" }),
    post("suspend", { tenantId: "stark" }),
    post("reactivate", { tenantId: "stark" }),
    post("bulkCreate", { count: 3 }),
    post("trouble", { _tag: "Status", status: 503, times: 3 }),
    "Environment of your own program:",
    ...Object.entries(simulator.env).map(([name, value]) => `  export ${name}=${value}`)
  ]
  return Effect.zipRight(Effect.forEach(lines, timeline.line, { discard: true }), Effect.never)
}

const demo = Effect.fnUntraced(function* (timeline: Timeline) {
  yield* timeline.line("Starting a tenant manager over HTTP and a Redis-compatible server ...")
  const redis = yield* RedisServer.make({ kind: "embedded" })
  const simulator = yield* Simulator.make({ redis, environment: "demo", tenants: TENANTS })

  const scope = yield* Effect.acquireRelease(Scope.make(), (open) => Scope.close(open, Exit.void))
  const built = yield* Layer.buildWithScope(NodeTenantDiscovery.layerConfig, scope).pipe(
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(simulator.env))))
  )
  const discovery = Context.get(built, TenantDiscovery)
  const received = yield* Ref.make<ReadonlyArray<TenantChange>>([])
  const stage: Stage = { simulator, discovery, timeline, received, failures: yield* Ref.make(0) }

  yield* discovery.changes.pipe(
    Stream.runForEach((change) =>
      Effect.zipRight(
        timeline.faint(`change: ${change._tag} ${change.tenant.id}`),
        Ref.update(received, (all) => [...all, change])
      )
    ),
    Effect.forkIn(scope)
  )
  yield* Layer.buildWithScope(workers(timeline), scope).pipe(
    Effect.provideService(TenantDiscovery, discovery)
  )

  yield* playStory(stage)
  if (process.argv.includes("--stay")) return yield* stay(simulator, timeline)
  yield* playClose(stage, Scope.close(scope, Exit.void))

  const failures = yield* Ref.get(stage.failures)
  yield* timeline.line("")
  yield* timeline.line(
    failures === 0 ? "All acts ended as expected." : `${failures} acts did not end as expected.`
  )
  if (failures > 0) yield* Effect.fail("an act did not end as expected")
})

const withLogger = Effect.flatMap(makeTimeline, (timeline) =>
  Effect.provide(
    Effect.scoped(demo(timeline)),
    Logger.replace(Logger.defaultLogger, timeline.logger)
  )
)

NodeRuntime.runMain(
  process.argv.includes("--stay") ? withLogger : Effect.timeout(withLogger, "40 seconds"),
  { disablePrettyLogger: true, disableErrorReporting: true }
)

/**
 * `npm run demo`: starts a tenant manager, a Redis server and a program that uses both, then plays
 * faults on them. The exit code is 1 where a check is not as expected. `--stay` keeps all of it running
 * afterwards and prints commands to try.
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
import { makePlayground } from "../playground/playground.js"
import { actCount, DURATION, playStory, type Stage } from "./story.js"
import { makeTimeline, short, type Timeline } from "./timeline.js"

const TENANTS = [
  { id: "0193E8F0-C4B8-7C4A-9F3B-2F6F0C1D2E3F", name: "Acme Corp" },
  { id: "7f3c2b1a-0d4e-4c8b-9a6f-5e1d2c3b4a59", name: "Globex" },
  { id: "org_01KH" },
  { id: "tenant-3" }
]

/** A scheduled worker over the active tenants, and one that runs while a tenant is active. */
const workers = (timeline: Timeline) => {
  const served = new Set<string>()
  const serve = Effect.flatMap(CurrentTenant, ({ id }) => Effect.sync(() => served.add(short(id))))
  let reported = ""
  const report = Effect.suspend(() => {
    const ids = [...served].toSorted().join(" ")
    const text = `scheduled worker serves ${served.size}: ${ids}`
    served.clear()
    if (ids === "" || text === reported) return Effect.void
    reported = text
    return timeline.faint(text)
  })
  const announce = (what: string) =>
    Effect.flatMap(CurrentTenant, ({ id }) => timeline.faint(`worker of ${short(id)} ${what}`))
  const announced = Effect.acquireRelease(announce("starts"), () => announce("stops"))
  return Layer.mergeAll(
    TenantWorker.scheduled({ name: "sync", schedule: Schedule.spaced("1 second"), run: serve }),
    TenantWorker.perTenant({
      name: "relay",
      maxTenants: 100,
      run: Effect.scoped(Effect.zipRight(announced, Effect.never))
    }),
    Layer.scopedDiscard(Effect.forkScoped(Effect.repeat(report, Schedule.spaced("2 seconds"))))
  )
}

/** Says what to try, and lists every five seconds so that a fault shows. */
const stay = (
  simulator: Simulator.SimulatorService,
  { discovery, timeline }: Stage,
  page: string
): Effect.Effect<never> => {
  const post = (path: string, body: object) => [
    `curl -X POST localhost:${simulator.port}/admin/${path} \\`,
    `  -H 'content-type: application/json' -d '${JSON.stringify(body)}'`
  ]
  const lines = [
    "",
    "The servers and the program keep running; Ctrl+C stops them.",
    "",
    `The page of the program, with buttons for the faults: ${page}`,
    "",
    "The same from a shell:",
    "",
    ...post("create", { id: "stark" }),
    ...post("suspend", { tenantId: "stark" }),
    ...post("reactivate", { tenantId: "stark" }),
    ...post("bulkCreate", { count: 3 }),
    ...post("trouble", { _tag: "Status", status: 503, times: 3 }),
    "",
    "The environment for a program of your own:",
    "",
    ...Object.entries(simulator.env).map(([name, value]) => `export ${name}=${value}`),
    ""
  ]
  return Effect.forEach(lines, timeline.plain, { discard: true }).pipe(
    Effect.zipRight(Effect.repeat(Effect.ignore(discovery.refresh), Schedule.spaced("5 seconds"))),
    Effect.zipRight(Effect.never)
  )
}

const demo = Effect.fnUntraced(function* (timeline: Timeline, stays: boolean) {
  yield* timeline.line(`${actCount(stays)} acts, about ${DURATION} seconds.`)
  yield* timeline.line("Starting a tenant manager over HTTP and a Redis-compatible server ...")
  const redis = yield* RedisServer.make({ kind: "embedded" })
  const simulator = yield* Simulator.make({ redis, environment: "demo", tenants: TENANTS })

  const scope = yield* Effect.acquireRelease(Scope.make(), (open) => Scope.close(open, Exit.void))
  const built = yield* Layer.buildWithScope(NodeTenantDiscovery.layerConfig, scope).pipe(
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(simulator.env))))
  )
  const discovery = Context.get(built, TenantDiscovery)
  const received = yield* Ref.make<ReadonlyArray<TenantChange>>([])
  const close = Scope.close(scope, Exit.void)
  const stage: Stage = { simulator, discovery, timeline, received, close }

  yield* discovery.changes.pipe(
    Stream.runForEach((change) =>
      Effect.zipRight(
        timeline.faint(`change: ${change._tag} ${short(change.tenant.id)}`),
        Ref.update(received, (all) => [...all, change])
      )
    ),
    Effect.forkIn(scope)
  )
  yield* Layer.buildWithScope(workers(timeline), scope).pipe(
    Effect.provideService(TenantDiscovery, discovery)
  )

  const checks = yield* playStory(stage, stays)
  const failed = checks.filter((ok) => !ok).length
  yield* timeline.plain("")
  yield* timeline.line(
    `${actCount(stays)} acts, ${checks.length} checks, ` +
      (failed === 0 ? "all as expected." : `${failed} NOT as expected.`)
  )
  if (failed > 0) yield* Effect.fail("a check was not as expected")
  if (stays) {
    const page = yield* Effect.provide(makePlayground({ simulator }), built)
    yield* stay(simulator, stage, page)
  }
})

const STAYS = process.argv.includes("--stay")

const withLogger = Effect.flatMap(makeTimeline, (timeline) =>
  Effect.provide(
    Effect.scoped(demo(timeline, STAYS)),
    Logger.replace(Logger.defaultLogger, timeline.logger)
  )
)

NodeRuntime.runMain(STAYS ? withLogger : Effect.timeout(withLogger, "40 seconds"), {
  disablePrettyLogger: true,
  disableErrorReporting: true
})

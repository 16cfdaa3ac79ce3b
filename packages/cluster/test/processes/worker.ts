/** One replica as a process. Its environment and the lines of its standard input control it. */
import { PgClient } from "@effect/sql-pg"
import { ClusterAssignment } from "@tenant-discovery/cluster"
import { NodeRuntime } from "@effect/platform-node"
import { Config, Effect, Layer, Logger, Redacted, Schedule, Stream } from "effect"
import { createInterface } from "node:readline"
import {
  CurrentTenant,
  TenantAssignment,
  TenantId,
  TenantLease,
  TenantWorker
} from "tenant-discovery"
import { TestTenantDiscovery } from "tenant-discovery/testing"
import { makeReferee } from "./referee.js"

const settings = Config.all({
  name: Config.string("REPLICA"),
  /** Through the fault proxy. */
  clusterUrl: Config.redacted("CLUSTER_URL"),
  /** Past the proxy, for the referee and the program's own pool. */
  directUrl: Config.redacted("DIRECT_URL"),
  tenants: Config.array(Config.string(), "TENANTS"),
  workMillis: Config.integer("WORK_MS"),
  /** The tenant whose runs are slow to stop, and how slow. */
  slowTenant: Config.withDefault(Config.string("SLOW_TENANT"), ""),
  stopMillis: Config.withDefault(Config.integer("STOP_MS"), 0),
  shards: Config.withDefault(Config.integer("SHARDS"), 300),
  /** Of the sessions of the cluster's pool. */
  timeZone: Config.withDefault(Config.string("TIME_ZONE"), "UTC"),
  prefix: Config.withDefault(Config.string("PREFIX"), "test_cluster")
})

const blockEventLoop = (millis: number) =>
  Effect.sync(() => {
    const end = process.hrtime.bigint() + BigInt(millis) * 1_000_000n
    while (process.hrtime.bigint() < end);
  })

/** The lines of the standard input; ends with it. */
const commands = Stream.asyncPush<string>((emit) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      createInterface({ input: process.stdin })
        .on("line", (line) => void emit.single(line))
        .on("close", () => emit.end())
    ),
    (lines) => Effect.sync(() => lines.close())
  )
)

/** Works for each tenant again and again, one run after the other. */
const worker = Layer.unwrapEffect(
  Effect.gen(function* () {
    const { name, slowTenant, stopMillis, workMillis } = yield* settings
    const referee = yield* makeReferee
    return TenantWorker.scheduled({
      name: "work",
      schedule: Schedule.spaced("20 millis"),
      concurrency: Infinity,
      // Above the time that the slow run takes to stop.
      drain: stopMillis + 5000,
      closeTimeout: stopMillis + 5000,
      run: Effect.gen(function* () {
        const lease = yield* TenantLease
        const { id } = yield* CurrentTenant
        yield* Effect.acquireRelease(referee.begin(name, lease), () => referee.end(name, lease))
        if (id === slowTenant) yield* Effect.addFinalizer(() => Effect.sleep(stopMillis))
        yield* Effect.sleep(workMillis)
      })
    })
  })
)

/** Follows the commands of the standard input. */
const controls = Effect.gen(function* () {
  const { directUrl, name } = yield* settings
  const assignment = yield* TenantAssignment
  const tenants = yield* TestTenantDiscovery
  const referee = yield* makeReferee
  const programPool = yield* Layer.build(
    PgClient.layer({ url: directUrl, maxConnections: 3, applicationName: "program" })
  )

  const command = (line: string) => {
    const [verb = "", argument] = line.split(" ")
    switch (verb) {
      case "block":
        return referee
          .mark("dead", name)
          .pipe(
            Effect.zipRight(blockEventLoop(Number(argument))),
            Effect.zipRight(referee.mark("alive", name))
          )
      case "add":
        return tenants.add(argument ?? "")
      case "remove":
        return tenants.remove(argument ?? "")
      case "saturate":
        return Effect.forEach(
          [1, 2, 3],
          () => Effect.flatMap(PgClient.PgClient, (sql) => sql`SELECT pg_sleep(60)`),
          { concurrency: "unbounded", discard: true }
        ).pipe(Effect.ignore, Effect.provide(programPool), Effect.forkDaemon)
      case "members":
        return Effect.flatMap(assignment.members, (members) =>
          Effect.sync(() => console.log(`members ${JSON.stringify(members)}`))
        )
      case "owner":
        return Effect.flatMap(assignment.ownerOf(TenantId.make(argument ?? "")), (owner) =>
          Effect.sync(() => console.log(`owner ${JSON.stringify(owner ?? null)}`))
        )
      case "problem":
        return Effect.flatMap(assignment.problem, (problem) =>
          Effect.sync(() => console.log(`problem ${JSON.stringify(problem ?? null)}`))
        )
      case "cordon":
        return assignment.cordon
      case "uncordon":
        return assignment.uncordon
      default:
        return Effect.dieMessage(`unknown command ${line}`)
    }
  }
  // The process ends with the test, should that be killed.
  yield* Stream.runForEach(commands, command).pipe(
    Effect.zipRight(Effect.sync(() => process.exit(1))),
    Effect.forkScoped
  )
}).pipe(Layer.scopedDiscard)

const inTimeZone = (url: Redacted.Redacted, zone: string) => {
  const withOptions = new URL(Redacted.value(url))
  withOptions.searchParams.set("options", `-c TimeZone=${zone}`)
  return Redacted.make(withOptions.href)
}

const assignment = Layer.unwrapEffect(
  Effect.map(settings, ({ clusterUrl, name, prefix, shards, timeZone }) =>
    ClusterAssignment.layer({
      database: { url: inTimeZone(clusterUrl, timeZone) },
      prefix,
      name,
      shards,
      version: "1.2.3"
    })
  )
)
const discovery = Layer.unwrapEffect(
  Effect.map(settings, ({ tenants }) => TestTenantDiscovery.layer(tenants))
)
const refereePool = Layer.unwrapEffect(
  Effect.map(settings, ({ directUrl }) => PgClient.layer({ url: directUrl, maxConnections: 4 }))
)

NodeRuntime.runMain(
  Layer.merge(worker, controls).pipe(
    Layer.provide([assignment, discovery, refereePool]),
    Layer.launch,
    Effect.provide(Logger.logFmt)
  ),
  { disablePrettyLogger: true }
)

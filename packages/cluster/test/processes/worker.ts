/** One replica as a process. Its environment and the lines of its standard input control it. */
import { PgClient } from "@effect/sql-pg"
import { ClusterAssignment } from "@tenant-discovery/cluster"
import { NodeRuntime } from "@effect/platform-node"
import { Config, Effect, Layer, Logger, Redacted, Stream } from "effect"
import { createInterface } from "node:readline"
import { TenantAssignment, TenantId } from "tenant-discovery"
import { makeReferee } from "./referee.js"
import { workFor } from "./workerLoop.js"

const settings = Config.all({
  name: Config.string("REPLICA"),
  /** Through the fault proxy. */
  clusterUrl: Config.redacted("CLUSTER_URL"),
  /** Past the proxy, for the referee and the program's own pool. */
  directUrl: Config.redacted("DIRECT_URL"),
  tenants: Config.integer("TENANTS"),
  workMillis: Config.integer("WORK_MS"),
  /** The tenant whose runs are slow to stop, and how slow. */
  slowTenant: Config.withDefault(Config.string("SLOW_TENANT"), ""),
  stopMillis: Config.withDefault(Config.integer("STOP_MS"), 0),
  shards: Config.withDefault(Config.integer("SHARDS"), 300),
  /** Of the sessions of the cluster's pool. */
  timeZone: Config.withDefault(Config.string("TIME_ZONE"), "UTC"),
  prefix: Config.withDefault(Config.string("PREFIX"), "test_cluster")
})

const tenantIds = (count: number) =>
  Array.from({ length: count }, (_, n) => TenantId.make(`tenant-${n}`))

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

const program = Effect.gen(function* () {
  const { directUrl, name, slowTenant, stopMillis, tenants, workMillis } = yield* settings
  const assignment = yield* TenantAssignment
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

  console.log(`started ${assignment.description}`)
  yield* workFor(tenantIds(tenants), (lease) =>
    Effect.gen(function* () {
      yield* Effect.acquireRelease(referee.begin(name, lease), () => referee.end(name, lease))
      if (lease.tenantId === slowTenant) yield* Effect.addFinalizer(() => Effect.sleep(stopMillis))
      yield* Effect.sleep(workMillis)
    })
  )
})

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
const refereePool = Layer.unwrapEffect(
  Effect.map(settings, ({ directUrl }) => PgClient.layer({ url: directUrl, maxConnections: 4 }))
)

NodeRuntime.runMain(
  Effect.scoped(program).pipe(
    Effect.provide([assignment, refereePool]),
    Effect.provide(Logger.logFmt)
  ),
  { disablePrettyLogger: true }
)

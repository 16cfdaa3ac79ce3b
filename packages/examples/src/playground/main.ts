/**
 * `npm run simulator`: a tenant manager and a Redis server to try out, a program that uses both, and
 * the page of that program. `PORT` is the port of the page; 0 takes a free one.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Simulator } from "@tenant-discovery/simulator"
import { Config, ConfigProvider, Console, Effect, Layer, Logger, LogLevel } from "effect"
import { NodeTenantDiscovery } from "tenant-discovery/node"
import { makePlayground, TENANTS } from "./playground.js"

const settings = Config.all({
  service: Config.withDefault(Config.nonEmptyString("APPLICATION_NAME"), "ledger"),
  environment: Config.withDefault(Config.nonEmptyString("ENVIRONMENT_NAME"), "local"),
  port: Config.withDefault(Config.integer("PORT"), undefined)
})

const quoted = (value: string) => (/^[\w./:-]+$/.test(value) ? value : `'${value}'`)

const describe = (page: string, simulator: Simulator.SimulatorService) => {
  const operation = (name: string, body: object) =>
    `  curl -s -X POST http://127.0.0.1:${simulator.port}/admin/${name} -d '${JSON.stringify(body)}'`
  return [
    `Page: ${page}`,
    `Tenant manager: ${simulator.url}`,
    `Events: channel ${simulator.channel} at ${simulator.redis.url} (${simulator.redis.kind} server)`,
    "",
    "Environment of a program that uses them:",
    "",
    ...Object.entries(simulator.env).map(([name, value]) => `  export ${name}=${quoted(value)}`),
    "",
    "The page has buttons for the operations. From a shell:",
    "",
    operation("create", { id: "tenant-8", name: "Initech" }),
    operation("suspend", { tenantId: "org_01KH" }),
    operation("reactivate", { tenantId: "org_01KH" }),
    operation("rotate", { tenantId: "tenant-7" }),
    operation("bulkCreate", { count: 100 }),
    operation("trouble", { _tag: "Status", status: 503, times: 3, retryAfter: "2" }),
    operation("trouble", { _tag: "Withhold", times: 1 }),
    operation("clearTrouble", {}),
    `  curl -s http://127.0.0.1:${simulator.port}/admin/tenants`,
    "",
    "Press Ctrl+C to stop it."
  ].join("\n")
}

const program = Effect.gen(function* () {
  const { environment, port, service } = yield* settings
  const simulator = yield* Simulator.make({ environment, service, tenants: TENANTS })
  const discovery = yield* Layer.build(NodeTenantDiscovery.layerConfig).pipe(
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(simulator.env))))
  )
  const page = yield* Effect.provide(makePlayground({ simulator, port }), discovery)
  yield* Console.log(describe(page, simulator))
  return yield* Effect.never
})

NodeRuntime.runMain(program.pipe(Effect.scoped, Logger.withMinimumLogLevel(LogLevel.Error)))

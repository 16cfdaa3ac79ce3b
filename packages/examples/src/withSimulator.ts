/**
 * `npm run example:scheduled-job` and `npm run example:outbox-relay`: starts a tenant manager and a
 * Redis server, runs the example of that name against them as a process, adds and suspends a tenant
 * meanwhile, and stops the process with SIGTERM. Ends within 20 seconds. Exit code 1 where the
 * example does not end with 0.
 */
import { Command } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Simulator } from "@tenant-discovery/simulator"
import { Console, Effect } from "effect"
import { fileURLToPath } from "node:url"

const EXAMPLES = ["scheduled-job", "outbox-relay"]

const [name = ""] = process.argv.slice(2)
if (!EXAMPLES.includes(name)) {
  throw new RangeError(`example "${name}": expected ${EXAMPLES.join(" or ")}`)
}

const heading = (text: string) => Console.log(`\n--- ${text}\n`)

const main = Effect.gen(function* () {
  yield* heading(`${name} works for the tenants acme and globex; it is stopped after 12 seconds`)
  const simulator = yield* Simulator.make({
    redis: { kind: "embedded" },
    environment: "examples",
    tenants: [{ id: "acme" }, { id: "globex" }]
  })
  const program = yield* Command.make(
    process.execPath,
    "--import",
    "tsx",
    "--conditions=tenant-discovery-source",
    fileURLToPath(new URL(`${name}.ts`, import.meta.url))
  ).pipe(
    Command.env(simulator.env),
    Command.stdout("inherit"),
    Command.stderr("inherit"),
    Command.start
  )
  yield* Effect.sleep("7 seconds")
  yield* heading("initech is associated with the service")
  yield* simulator.create({ id: "initech" })
  yield* Effect.sleep("2500 millis")
  yield* heading("acme is suspended: no more work for it")
  yield* simulator.suspend("acme")
  yield* Effect.sleep("2500 millis")
  yield* heading("SIGTERM")
  yield* program.kill("SIGTERM")
  const code = yield* program.exitCode
  yield* heading(`ended with exit code ${code}. The program: packages/examples/src/${name}.ts`)
  if (code !== 0) yield* Effect.fail(`${name} ended with exit code ${code}`)
})

NodeRuntime.runMain(
  main.pipe(Effect.scoped, Effect.timeout("60 seconds"), Effect.provide(NodeContext.layer))
)

/**
 * `npm run example:balance-sync`: every tenant has its own PostgreSQL database, and a worker
 * moves balances in all of them while tenants are added and suspended and credentials are
 * rotated. Exit code 1 if a sum is wrong at the end. With `-- --replicas 3` three processes share
 * the tenants, and one of them is killed.
 *
 * `DATABASE_URL` names a server to use; without it a server is started.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Logger, LogLevel } from "effect"
import { parseArgs } from "node:util"
import { balanceSync } from "./program.js"

const { values } = parseArgs({ options: { replicas: { type: "string", default: "1" } } })
const replicas = Number(values.replicas)
if (!Number.isInteger(replicas) || replicas < 1) {
  throw new RangeError(`--replicas ${values.replicas}: expected a whole number from 1`)
}

const main = Effect.gen(function* () {
  const verdicts = yield* balanceSync(replicas)
  yield* Console.log("")
  for (const { batches, problems, replicas, roles, tenant } of verdicts) {
    const sums = problems.length === 0 ? "the sums are right" : problems.join(", ")
    yield* Console.log(
      `${tenant.padEnd(10)} ${String(batches).padStart(4)} batches, ${replicas} replicas, ${roles} credentials: ${sums}`
    )
  }
  if (verdicts.some(({ problems }) => problems.length > 0)) {
    yield* Effect.fail("not as expected")
  }
})

NodeRuntime.runMain(
  main.pipe(Logger.withMinimumLogLevel(LogLevel.Error), Effect.timeout("90 seconds"))
)

/**
 * `npm run example:balance-sync`: every tenant has its own PostgreSQL database, and a worker
 * moves balances in all of them while tenants are added and suspended and credentials are
 * rotated. Exit code 1 if a sum is wrong at the end.
 *
 * `DATABASE_URL` names a server to use; without it a server is started.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Logger, LogLevel } from "effect"
import { balanceSync } from "./program.js"

const main = Effect.gen(function* () {
  const verdicts = yield* balanceSync
  yield* Console.log("")
  for (const { batches, problems, roles, tenant } of verdicts) {
    const sums = problems.length === 0 ? "the sums are right" : problems.join(", ")
    yield* Console.log(
      `${tenant.padEnd(10)} ${String(batches).padStart(4)} batches, with ${roles} credentials: ${sums}`
    )
  }
  if (verdicts.some(({ problems }) => problems.length > 0)) {
    yield* Effect.fail("not as expected")
  }
})

NodeRuntime.runMain(
  main.pipe(Logger.withMinimumLogLevel(LogLevel.Error), Effect.timeout("90 seconds"))
)

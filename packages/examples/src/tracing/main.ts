/**
 * `npm run example:tracing`: follows one lifecycle event from Redis to the runs of two workers and
 * to the service that they call. Prints the trace and ends by itself; the exit code is 1 where a
 * part of the trace is missing.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Array, Console, Effect, Logger, LogLevel } from "effect"
import { WORKERS } from "./services.js"
import { recordSpans } from "./story.js"
import { describe, follow } from "./trace.js"

const TENANT = "globex"

const main = Effect.gen(function* () {
  yield* Console.log(`The tenant ${TENANT} is associated with the ledger.\n`)
  const spans = yield* recordSpans([TENANT])
  const [problems, traces] = Array.separate(WORKERS.map((worker) => follow(spans, TENANT, worker)))
  yield* Console.log(describe(traces).join("\n"))
  yield* Console.log("")
  if (problems.length > 0) {
    yield* Console.log(`Not complete: ${problems.join("; ")}.`)
    return yield* Effect.fail("the trace is not complete")
  }
  yield* Console.log(
    `Complete: the event leads to ${traces.length} runs, and each call has the tenant in its baggage.`
  )
})

NodeRuntime.runMain(
  main.pipe(Effect.timeout("12 seconds"), Logger.withMinimumLogLevel(LogLevel.Error))
)

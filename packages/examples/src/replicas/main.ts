/**
 * `npm run example:replicas`: three processes share the tenants of a service, one of them is
 * killed and comes back. It shows which replica works for which tenants, ends by itself within a
 * minute, and exits with 1 where a tenant had no work for more than ten seconds or two replicas
 * worked for one tenant at once.
 */
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Logger, LogLevel } from "effect"
import { makeScreen } from "./screen.js"
import { story } from "./story.js"

const main = Effect.gen(function* () {
  const screen = yield* makeScreen(process.stdout)
  const { problems, seconds } = yield* story(screen)
  yield* Console.log("")
  if (problems.length === 0) {
    const took = seconds.toFixed(1)
    yield* Console.log(
      `As promised: each tenant had work after ${took} s, and never twice at once.`
    )
    return
  }
  yield* Console.log(`Not as promised: ${problems.join("; ")}.`)
  yield* Effect.fail("not as promised")
})

NodeRuntime.runMain(
  main.pipe(
    Effect.timeout("58 seconds"),
    Logger.withMinimumLogLevel(LogLevel.Error),
    Effect.provide(NodeContext.layer)
  )
)

/**
 * A PostgreSQL server in a child process, for programs that are not run from their sources. It sends
 * its URL to the parent, and ends when the parent disconnects or sends SIGTERM.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Redacted } from "effect"
import { server, urlOf } from "./server.js"

const disconnected = Effect.async<void>((resume) => {
  process.once("disconnect", () => resume(Effect.void))
})

const program = Effect.gen(function* () {
  const url = urlOf(yield* server)
  yield* Effect.sync(() => process.send?.(Redacted.value(url)))
  yield* disconnected
})

NodeRuntime.runMain(Effect.scoped(program))

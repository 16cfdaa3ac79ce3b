#!/usr/bin/env node
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { exitCodeOf } from "./cli/exitCode.js"
import { run } from "./cli/main.js"

/** Ends when the reader of the output has closed it, as `head` does after its last line. */
const readerGone = Effect.async<void>((resume) => {
  process.stdout.on("error", (error) => {
    if ("code" in error && error.code === "EPIPE") resume(Effect.void)
    else resume(Effect.die(error))
  })
})

NodeRuntime.runMain(
  Effect.raceFirst(run(process.argv), readerGone).pipe(Effect.provide(NodeContext.layer)),
  {
    disableErrorReporting: true,
    teardown: (exit, end) => end(exitCodeOf(exit))
  }
)

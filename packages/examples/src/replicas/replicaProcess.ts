/** A replica as a process of its own. */
import { Command } from "@effect/platform"
import { Effect, Stream } from "effect"
import { fileURLToPath } from "node:url"

/** Runs a program of this repository from its source. */
export const node = (program: URL) =>
  Command.make(
    process.execPath,
    "--import",
    "tsx",
    "--conditions=tenant-discovery-source",
    "--disable-warning=ExperimentalWarning",
    fileURLToPath(program)
  )

const MAX_OUTPUT = 4_000

/**
 * Starts `program` with these environment variables besides those of this process. The scope stops
 * it with SIGTERM and waits for its end.
 */
export const startReplica = (program: URL, name: string, env: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    const child = yield* node(program).pipe(Command.env({ ...env, REPLICA: name }), Command.start)
    let output = ""
    yield* Stream.merge(child.stdout, child.stderr).pipe(
      Stream.decodeText(),
      Stream.runForEach((text) =>
        Effect.sync(() => {
          output = (output + text).slice(-MAX_OUTPUT)
        })
      ),
      Effect.forkScoped
    )
    return {
      name,
      /** SIGKILL; ends when the process has exited. */
      kill: child.kill("SIGKILL"),
      /** SIGTERM; the exit code. */
      stop: Effect.zipRight(child.kill("SIGTERM"), child.exitCode),
      /** The last characters that the process wrote. */
      output: Effect.sync(() => output)
    }
  })

export type Replica = Effect.Effect.Success<ReturnType<typeof startReplica>>

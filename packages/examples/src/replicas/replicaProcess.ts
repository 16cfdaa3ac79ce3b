/** A replica as a process of its own. */
import { Command, FileSystem } from "@effect/platform"
import { Effect, Stream } from "effect"
import { build } from "esbuild"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/**
 * Bundles a program of this repository into one file, until the scope closes. From its sources a
 * process takes seconds to start. Answers the path of the file.
 */
export const bundle = (program: URL) =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const directory = yield* files.makeTempDirectoryScoped({ prefix: "replica-" })
    const outfile = join(directory, "program.mjs")
    yield* Effect.tryPromise(() =>
      build({
        entryPoints: [fileURLToPath(program)],
        outfile,
        bundle: true,
        platform: "node",
        format: "esm",
        conditions: ["tenant-discovery-source"],
        // Some dependencies are CommonJS.
        banner: {
          js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url)'
        }
      })
    )
    return outfile
  })

const MAX_OUTPUT = 4_000

/**
 * Starts a bundled program with these environment variables, besides those of this process. The
 * scope stops it with SIGTERM and waits for its end.
 */
export const startReplica = (
  program: string,
  name: string,
  env: Readonly<Record<string, string>>
) =>
  Effect.gen(function* () {
    const child = yield* Command.make(process.execPath, program).pipe(
      Command.env({ ...env, REPLICA: name }),
      Command.start
    )
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

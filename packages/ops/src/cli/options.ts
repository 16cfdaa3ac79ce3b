/** What all commands have in common. */
import * as Options from "@effect/cli/Options"
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import { ConfigProvider, Effect, Option } from "effect"
import { parseEnv } from "node:util"

export const envFile = Options.file("env-file", { exists: "yes" }).pipe(
  Options.withDescription("Reads variables from this file; those of the environment win."),
  Options.optional
)

export const json = Options.boolean("json").pipe(
  Options.withDescription("Prints JSON in place of text.")
)

/**
 * Reads the variables of the environment, then those of the file. The file is read as by
 * `node --env-file`: quotes around a value are removed, and `$` has no meaning.
 */
export const withEnvFile =
  (path: Option.Option<string>) =>
  <A, E, R>(
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | PlatformError, R | FileSystem.FileSystem> =>
    Option.match(path, {
      onNone: () => effect,
      onSome: (path) =>
        Effect.gen(function* () {
          const files = yield* FileSystem.FileSystem
          const entries = Object.entries(parseEnv(yield* files.readFileString(path)))
          const file = ConfigProvider.fromMap(
            new Map(
              entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))
            )
          )
          return yield* Effect.configProviderWith((environment) =>
            Effect.withConfigProvider(
              effect,
              ConfigProvider.orElse(environment, () => file)
            )
          )
        })
    })

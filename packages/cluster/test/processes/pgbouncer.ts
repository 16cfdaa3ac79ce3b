/** PgBouncer in transaction mode, where it is installed. */
import { Effect, Redacted } from "effect"
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { chmod, chown, mkdtemp, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import type { Server } from "../../../examples/src/balance-sync/server.js"

/** The program on the PATH, or where Debian puts it. */
export const pgBouncer = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"]
  .map((directory) => join(directory, "pgbouncer"))
  .find((path) => existsSync(path))

const freePort = Effect.async<number>((resume) => {
  const probe = createServer().listen(0, "127.0.0.1", () => {
    const address = probe.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    probe.close(() => resume(Effect.succeed(port)))
  })
})

const configuration = (server: Server, port: number, users: string) => `[databases]
${server.database} = host=${server.host} port=${server.port} dbname=${server.database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = plain
auth_file = ${users}
pool_mode = transaction
default_pool_size = 10
max_client_conn = 200
ignore_startup_parameters = extra_float_digits,options
`

/** It refuses to run as root. */
const unprivileged = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : undefined

/** Runs until the scope closes, before the same databases and users. */
export const startPgBouncer = (program: string, server: Server) =>
  Effect.gen(function* () {
    const port = yield* freePort
    const directory = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "pgbouncer-"))),
      (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
    )
    const users = join(directory, "users.txt")
    const config = join(directory, "pgbouncer.ini")
    yield* Effect.promise(async () => {
      await chmod(directory, 0o755)
      const password = Redacted.value(server.password)
      await writeFile(users, `"${server.username}" "${password}"\n`, { mode: 0o600 })
      await writeFile(config, configuration(server, port, users), { mode: 0o600 })
      if (unprivileged === undefined) return
      for (const path of [users, config]) await chown(path, unprivileged.uid, unprivileged.gid)
    })
    yield* Effect.acquireRelease(
      Effect.async<ReturnType<typeof spawn>>((resume) => {
        const child = spawn(program, [config], {
          ...unprivileged,
          stdio: ["ignore", "ignore", "pipe"]
        })
        let output = ""
        child.once("error", (error) => resume(Effect.die(error)))
        child.once("exit", () => resume(Effect.dieMessage(`pgbouncer ended: ${output}`)))
        child.stderr.on("data", (chunk: Buffer) => {
          output += chunk.toString()
          if (output.includes("process up")) resume(Effect.succeed(child))
        })
      }),
      (child) =>
        Effect.async<void>((resume) => {
          child.once("exit", () => resume(Effect.void))
          child.kill("SIGKILL")
        })
    )
    return { host: "127.0.0.1", port }
  })

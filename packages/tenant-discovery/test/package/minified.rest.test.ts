/** A program bundled with its dependencies and minified, against faults. */
import { describe, expect } from "@effect/vitest"
import { type RedisServer, Simulator } from "@tenant-discovery/simulator"
import { Effect, type Scope } from "effect"
import { build, type Format } from "esbuild"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import type * as net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll } from "vitest"
import { fakeServer } from "../redis/support.js"
import { live, liveEach, until } from "../support/live.js"
import { programs } from "./support.js"

const folder = mkdtempSync(join(tmpdir(), "tenant-discovery-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const formats = [
  { format: "esm", ioredis: "ioredis", file: join(folder, "program.mjs") },
  { format: "cjs", ioredis: "ioredis6", file: join(folder, "program.cjs") }
] as const

/** A bundled CommonJS package calls `require`, which an ES module lacks. */
const banner = `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);`

const bundle = (format: Format, ioredis: string, outfile: string) =>
  build({
    entryPoints: [join(programs, "bundled.ts")],
    bundle: true,
    minify: true,
    platform: "node",
    target: "node20",
    conditions: ["tenant-discovery-source"],
    alias: { ioredis },
    banner: format === "esm" ? { js: banner } : {},
    logLevel: "error",
    format,
    outfile
  })

interface Program {
  readonly lines: () => ReadonlyArray<string>
  /** Waits until it has printed so many lines that match, among those since `from`. */
  readonly prints: (pattern: RegExp, from?: number, times?: number) => Effect.Effect<void>
  /** Ends it by SIGTERM where it runs. Gives the exit code, or the signal that ended it. */
  readonly exit: Effect.Effect<number | NodeJS.Signals>
}

const start = (
  file: string,
  env: Readonly<Record<string, string>>,
  reconcileMillis = 60_000
): Effect.Effect<Program, never, Scope.Scope> =>
  Effect.gen(function* () {
    let output = ""
    const child = yield* Effect.acquireRelease(
      Effect.sync((): ChildProcess => {
        const stdio: ["ignore", "pipe", "pipe"] = ["ignore", "pipe", "pipe"]
        return spawn(process.execPath, [file, String(reconcileMillis)], { env, stdio })
      }),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    const closed = once(child, "close")
    const read = (chunk: Buffer) => {
      output += chunk.toString()
    }
    child.stdout?.on("data", read)
    child.stderr?.on("data", read)
    const lines = () => output.split("\n").slice(0, -1)
    return {
      lines,
      prints: (pattern, from = 0, times = 1) =>
        until(
          () =>
            lines()
              .slice(from)
              .filter((line) => pattern.test(line)).length >= times,
          "20 seconds"
        ).pipe(Effect.tapDefect(() => Effect.sync(() => console.error(output)))),
      exit: Effect.promise(async () => {
        child.kill("SIGTERM")
        await closed
        return child.exitCode ?? child.signalCode ?? -1
      })
    }
  })

const simulator = Simulator.make({ environment: "production", tenants: 3 })

/** A Redis server whose answer to PING can be replaced; it knows no other command than SUBSCRIBE. */
const pingServer = Effect.gen(function* () {
  let refusal: string | undefined
  const subscribed = new Set<net.Socket>()
  const answer = (socket: net.Socket, command: string, argument: string): string => {
    if (command === "subscribe") {
      subscribed.add(socket)
      return `*3\r\n$9\r\nsubscribe\r\n$${argument.length}\r\n${argument}\r\n:1\r\n`
    }
    if (command !== "ping") return `-ERR unknown command '${command}'\r\n`
    if (refusal !== undefined) return `-${refusal}\r\n`
    return subscribed.has(socket) ? "*2\r\n$4\r\npong\r\n$0\r\n\r\n" : "+PONG\r\n"
  }
  const server = yield* fakeServer((socket, data) => {
    const sent = /\*\d+\r\n\$\d+\r\n(\w+)\r\n(?:\$\d+\r\n([^*\r]+)\r\n)?/g
    for (const [, name = "", argument = ""] of data.toString().matchAll(sent)) {
      socket.write(answer(socket, name.toLowerCase(), argument))
    }
  })
  return {
    ...server,
    refusePing: (reply: string | undefined) =>
      Effect.sync(() => {
        refusal = reply
      })
  }
})

const at = ({ host, port }: Pick<RedisServer.RedisServer, "host" | "port">) => ({
  MULTI_TENANT_REDIS_HOST: host,
  MULTI_TENANT_REDIS_PORT: String(port)
})

describe.each(formats)("a minified bundle ($format, $ioredis)", ({ file, format, ioredis }) => {
  beforeAll(() => bundle(format, ioredis, file), 60_000)

  live("keeps its subscription where PING is not permitted, and recovers a lost one", function* () {
    const { env, redis } = yield* simulator
    const program = yield* start(file, env)
    yield* program.prints(/^Live $/)
    yield* redis.command("ACL", "SETUSER", "default", "-ping")
    const refused = program.lines().length
    // For longer than the view stays fresh without an answer.
    yield* program.prints(/^fresh$/, refused, 15)
    expect(program.lines().slice(refused)).not.toContainEqual(expect.stringMatching(/Lost|Fail/))

    yield* redis.command("CLIENT", "KILL", "TYPE", "pubsub")
    yield* program.prints(/^Live ConnectionLost /)
    expect(yield* program.exit).toBe(0)
  })

  liveEach([
    "LOADING Redis is loading the dataset in memory",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."
  ])("loses its subscription when PING is answered by -%s", function* (reply) {
    const { env } = yield* simulator
    const redis = yield* pingServer
    const program = yield* start(file, { ...env, ...at(redis) })
    yield* program.prints(/^Live $/)
    yield* redis.refusePing(reply)
    const code = reply.split(" ")[0]
    yield* program.prints(new RegExp(`^BootstrapOnly Connect.*${code}`))
    yield* redis.refusePing(undefined)
    yield* program.prints(/^Live Connect/)
    expect(yield* program.exit).toBe(0)
  })

  live("names the failures of lists", function* () {
    const { env, trouble } = yield* simulator
    const program = yield* start(file, env, 100)
    yield* program.prints(/^Live $/)
    yield* trouble({ _tag: "Status", status: 401, times: 1 })
    yield* program.prints(/ TenantManagerUnauthorized$/)
    yield* trouble({ _tag: "Status", status: 500, times: 1 })
    yield* program.prints(/ TenantManagerUnavailable$/)
    yield* trouble({ _tag: "RawBody", body: "[", times: 1 })
    yield* program.prints(/ TenantManagerMalformedBody$/)
    yield* trouble({ _tag: "MalformedElements", times: 1 })
    yield* program.prints(/ ListIncomplete$/)
    expect(yield* program.exit).toBe(0)
  })

  live("catches the error of a refused start by its tag", function* () {
    const { env } = yield* simulator
    const program = yield* start(file, { ...env, MULTI_TENANT_SERVICE_API_KEY: "wrong" })
    yield* program.prints(/^refused TenantManagerUnauthorized$/)
  })
})

/** The command line as a process: exit codes, pipes, Ctrl-C and colours. */
import { describe, expect, it } from "@effect/vitest"
import { Simulator } from "@tenant-discovery/simulator"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { closedPort, eventually } from "./servers.js"

/** A process compiles itself as it starts. */
const TIMEOUT = 60_000

const bin = fileURLToPath(new URL("../../src/bin.ts", import.meta.url))

type Env = Readonly<Record<string, string>>

const start = (env: Env, ...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const flags = ["--import", "tsx", "--conditions=tenant-discovery-source"]
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [...flags, bin, ...args], {
          env: { PATH: process.env["PATH"], ...env },
          stdio: ["ignore", "pipe", "pipe"]
        })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    const closed = once(child, "close")
    const out: Array<string> = []
    const error: Array<string> = []
    createInterface(child.stdout).on("line", (line) => out.push(line))
    createInterface(child.stderr).on("line", (line) => error.push(line))
    /** The exit code, or the signal that ended the process. */
    const exit = Effect.promise(async () => {
      await closed
      return child.exitCode ?? child.signalCode
    })
    return { child, out, error, exit }
  })

const finished = (env: Env, ...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { error, exit, out } = yield* start(env, ...args)
    return { code: yield* exit, out, error }
  })

const simulated = Simulator.make({
  redis: { kind: "embedded" },
  environment: "staging",
  tenants: [{ id: "acme", name: "Acme" }, { id: "globex" }]
})

const printed = (lines: ReadonlyArray<string>, part: string) =>
  eventually(Effect.sync(() => lines.some((line) => line.includes(part))))

describe("the process", () => {
  it.scopedLive(
    "lists with exit code 0, reading an env file; the environment wins over it",
    () =>
      Effect.gen(function* () {
        const { env } = yield* simulated
        const folder = yield* Effect.acquireRelease(
          Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "cli-"))),
          (made) => Effect.sync(() => fs.rmSync(made, { recursive: true, force: true }))
        )
        const file = path.join(folder, ".env")
        const inFile = { ...env, MULTI_TENANT_URL: "https://tenant-manager.invalid" }
        fs.writeFileSync(
          file,
          Object.entries(inFile)
            .map(([name, value]) => `${name}="${value}" # a comment`)
            .join("\n")
        )
        const url = { MULTI_TENANT_URL: env["MULTI_TENANT_URL"] ?? "" }
        const { code, error, out } = yield* finished(url, "list", "--env-file", file, "--quiet")
        expect({ code, error, out }).toEqual({ code: 0, error: [], out: ["acme", "globex"] })
      }),
    TIMEOUT
  )

  it.scopedLive(
    "exits with 1 for missing variables, and names them on standard error",
    () =>
      Effect.gen(function* () {
        const { code, error, out } = yield* finished({}, "list")
        expect(code).toBe(1)
        expect(out).toEqual([])
        expect(error[0]).toMatch(/^tenant-discovery: APPLICATION_NAME is missing/)
        expect(error.join("\n")).toContain("MULTI_TENANT_URL is missing")
      }),
    TIMEOUT
  )

  it.scopedLive(
    "exits with 1 for a failed step of doctor",
    () =>
      Effect.gen(function* () {
        const { env } = yield* simulated
        const broken = { ...env, MULTI_TENANT_URL: `http://127.0.0.1:${yield* closedPort}` }
        const { code, out } = yield* finished(broken, "doctor", "--listen", "0", "--json")
        expect(code).toBe(1)
        expect(JSON.parse(out.join("\n"))).toMatchObject({ ok: false })
      }),
    TIMEOUT
  )

  it.scopedLive.each([
    "unknown",
    "list --unknown",
    "connections",
    "connections not/an/id",
    "doctor --timeout soon"
  ])(
    "exits with 2 for the usage '%s', without colours in a pipe",
    (usage) =>
      Effect.gen(function* () {
        const { code, error } = yield* finished({}, ...usage.split(" "))
        expect(code).toBe(2)
        expect(error.join("").trim()).not.toBe("")
        expect(error.join("")).not.toContain("\u001b")
      }),
    TIMEOUT
  )

  it.scopedLive(
    "refuses an env file that is not there",
    () =>
      Effect.gen(function* () {
        const { code, error } = yield* finished({}, "list", "--env-file", "/nowhere/.env")
        // Node 20 looks for this option among the program's arguments too, and exits with 9 itself.
        expect([2, 9]).toContain(code)
        expect(error.join("")).toContain("/nowhere/.env")
      }),
    TIMEOUT
  )

  it.scopedLive(
    "prints help and completions",
    () =>
      Effect.gen(function* () {
        const help = yield* finished({}, "--help")
        expect(help.code).toBe(0)
        for (const name of ["list", "watch", "connections", "doctor", "serve"]) {
          expect(help.out.join("\n")).toContain(`- ${name}`)
        }
        expect(help.out.join("")).not.toContain("\u001b")
        const completions = yield* finished({}, "--completions", "bash")
        expect(completions.code).toBe(0)
        expect(completions.out.join("\n")).toContain("complete -F")
      }),
    TIMEOUT
  )

  it.scopedLive(
    "watch follows changes and ends at Ctrl-C with a summary and exit code 0",
    () =>
      Effect.gen(function* () {
        const simulator = yield* simulated
        const { child, exit, out } = yield* start(simulator.env, "watch")
        yield* printed(out, "Live")
        yield* simulator.suspend("acme")
        yield* printed(out, "removed")
        child.kill("SIGINT")
        expect(yield* exit).toBe(0)
        expect(out.at(-2)).toMatch(
          /^\d\d:\d\d:\d\d\.\d{3}  removed      acme \(Acme\)  tenant\.service\.suspended  lag -?\d+ ms$/
        )
        expect(out.at(-1)).toMatch(/^watched for .*: 0 added, 1 removed/)
      }),
    TIMEOUT
  )

  it.scopedLive(
    "watch ends quietly when its reader is gone",
    () =>
      Effect.gen(function* () {
        const simulator = yield* simulated
        const { child, error, exit, out } = yield* start(simulator.env, "watch", "--json")
        yield* printed(out, "Live")
        child.stdout.destroy()
        yield* simulator.suspend("acme")
        expect(yield* exit).toBe(0)
        expect(error).toEqual([])
      }),
    TIMEOUT
  )

  it.scopedLive(
    "exits with 130 when another command is interrupted",
    () =>
      Effect.gen(function* () {
        const simulator = yield* simulated
        yield* simulator.trouble({ _tag: "Hang" })
        const { child, exit, out } = yield* start(simulator.env, "list")
        yield* simulator.awaitListCalls(1)
        child.kill("SIGINT")
        expect(yield* exit).toBe(130)
        expect(out).toEqual([])
      }),
    TIMEOUT
  )

  it.scopedLive(
    "serve answers on the given port, and ends at SIGTERM with exit code 0",
    () =>
      Effect.gen(function* () {
        const simulator = yield* simulated
        const { child, exit, out } = yield* start(simulator.env, "serve", "--port", "0")
        yield* printed(out, "serving")
        const url = /http:\S+(?=;)/.exec(out.join(""))?.[0] ?? ""
        const answer = yield* Effect.promise(() => fetch(`${url}/readyz`))
        expect(answer.status).toBe(200)
        child.kill("SIGTERM")
        expect(yield* exit).toBe(0)
      }),
    TIMEOUT
  )

  it.scopedLive(
    "serve needs a token for a host that is not loopback",
    () =>
      Effect.gen(function* () {
        const simulator = yield* simulated
        const { code, error } = yield* finished(simulator.env, "serve", "--host", "0.0.0.0")
        expect(code).toBe(1)
        expect(error.join("\n")).toContain("MULTI_TENANT_OPS_TOKEN is missing")
      }),
    TIMEOUT
  )
})

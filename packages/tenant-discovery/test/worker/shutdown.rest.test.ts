/** The shutdown of real processes: signals, with Redis up and stopped. */
import { describe, expect, it } from "@effect/vitest"
import { Simulator } from "@tenant-discovery/simulator"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { eventually } from "./support.js"

/** A process compiles itself as it starts. */
const TIMEOUT = 60_000

type Arguments = readonly [mode: "main" | "fork", drain: number]

const path = fileURLToPath(new URL("./programs/shutdown.ts", import.meta.url))

/** Starts the program, and waits until both workers work for all tenants. */
const start = (
  env: Readonly<Record<string, string>>,
  tenants: ReadonlyArray<string>,
  args: Arguments
) =>
  Effect.gen(function* () {
    const flags = ["--import", "tsx", "--conditions=tenant-discovery-source"]
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [...flags, path, ...args.map(String)], {
          env: { PATH: process.env["PATH"], NO_COLOR: "1", ...env },
          stdio: ["ignore", "pipe", "inherit"]
        })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    const exited = once(child, "close")
    const lines: Array<string> = []
    createInterface(child.stdout).on("line", (line) => lines.push(line))
    yield* eventually(
      "both workers work",
      () => {
        if (child.exitCode !== null) throw new Error(`the program ended:\n${lines.join("\n")}`)
        return lines.filter((line) => line.endsWith("started")).length === 2 * tenants.length
      },
      TIMEOUT
    )
    /** The exit code, or the signal that ended the process. */
    const exit = Effect.promise(async () => {
      await exited
      return child.exitCode ?? child.signalCode
    })
    return { lines, exit, kill: (signal: NodeJS.Signals) => child.kill(signal) }
  })

const ofBoth = (what: string) => [`perTenant of ${what}`, `scheduled of ${what}`]

/** Its own lines after the first signal. */
const saidAfterSignal = (program: { readonly lines: ReadonlyArray<string> }) => {
  const lines = program.lines.filter((line) => /^(?:scheduled|perTenant|pool|got) /.test(line))
  return lines.slice(lines.findIndex((line) => line.startsWith("got ")) + 1)
}

const setUp = (tenants: ReadonlyArray<string>, args: Arguments) =>
  Effect.gen(function* () {
    const simulator = yield* Simulator.make({
      redis: { kind: "embedded" },
      environment: "shutdown",
      tenants: tenants.map((id) => ({ id }))
    })
    return { simulator, program: yield* start(simulator.env, tenants, args) }
  })

describe("a program that is shut down", () => {
  it.scopedLive.each([
    ["main", "SIGTERM", "up"],
    ["main", "SIGINT", "up"],
    ["fork", "SIGUSR2", "up"],
    ["main", "SIGTERM", "stopped"],
    ["fork", "SIGUSR2", "stopped"]
  ] as const)(
    "(%s) by %s with Redis %s drains its work, interrupts the rest, then closes the pool",
    ([mode, signal, redis]) =>
      Effect.gen(function* () {
        const { program, simulator } = yield* setUp(["ends", "hangs"], [mode, 2000])
        if (redis === "stopped") yield* simulator.redis.stop
        program.kill(signal)
        expect(yield* program.exit).toBe(0)
        const said = saidAfterSignal(program)
        expect(said.slice(0, -1).toSorted()).toEqual(
          [
            ...ofBoth("ends ended"),
            ...ofBoth("ends finalized"),
            ...ofBoth("hangs finalized")
          ].toSorted()
        )
        expect(said.at(-1)).toBe("pool closed")
      }),
    TIMEOUT
  )

  it.scopedLive(
    "while work cannot be interrupted exits after the close timeout, and names the tenant",
    () =>
      Effect.gen(function* () {
        const { program } = yield* setUp(["stuck"], ["main", 200])
        program.kill("SIGTERM")
        expect(yield* program.exit).toBe(0)
        expect(saidAfterSignal(program)).toEqual(["pool closed"])
        const warnings = program.lines.filter((line) => line.includes("shutdown timed out"))
        expect(warnings).toHaveLength(2)
        for (const warning of warnings) expect(warning).toContain("runs of stuck did not end")
      }),
    TIMEOUT
  )

  it.scopedLive(
    "ends at once at a second SIGTERM",
    () =>
      Effect.gen(function* () {
        const { program } = yield* setUp(["stuck"], ["main", TIMEOUT])
        program.kill("SIGTERM")
        yield* eventually("the first signal", () => program.lines.includes("got SIGTERM"))
        program.kill("SIGTERM")
        expect(yield* program.exit).toBe("SIGTERM")
      }),
    TIMEOUT
  )
})

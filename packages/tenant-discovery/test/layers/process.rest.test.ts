/** Programs with a pool that a signal ends: real processes. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const program = fileURLToPath(new URL("programs/pool.ts", import.meta.url))

/** Starts the program, sends the signal when it works, and waits for its end. */
const run = (situation: string, signal: NodeJS.Signals) =>
  Effect.acquireUseRelease(
    Effect.sync(() =>
      spawn(
        process.execPath,
        ["--import", "tsx", "--conditions=tenant-discovery-source", program, situation],
        { stdio: ["ignore", "pipe", "inherit"] }
      )
    ),
    (child) =>
      Effect.promise(async () => {
        const exited = once(child, "exit")
        const lines: Array<string> = []
        for await (const line of createInterface(child.stdout)) {
          lines.push(line)
          if (line === "working") child.kill(signal)
        }
        await exited
        return { code: child.exitCode, lines }
      }),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

const interrupted = ["working", "interrupted", "failed TenantLayersClosed", "released"]
const cases: ReadonlyArray<readonly [string, string, NodeJS.Signals, ReadonlyArray<string>]> = [
  ["waits for work in progress", "finishes", "SIGTERM", ["working", "finished", "released"]],
  ["interrupts work after the drain", "goes on", "SIGTERM", interrupted],
  ["interrupts work after the drain", "goes on", "SIGINT", interrupted],
  ["runs provide in a finalizer", "finalizer", "SIGTERM", ["working", "saved", "released"]]
]

describe("the close at a signal", () => {
  it.live.each(cases)(
    "%s, then releases, and the process exits (%s, %s)",
    ([, situation, signal, expected]) =>
      Effect.gen(function* () {
        const { code, lines } = yield* run(situation, signal)
        expect(lines.filter((line) => !line.startsWith("disposed"))).toEqual(expected)
        expect(code).toBe(0)
      }),
    60_000
  )

  it.live(
    "leaves a release that hangs behind after the close timeout, with a warning",
    () =>
      Effect.gen(function* () {
        const { code, lines } = yield* run("hangs", "SIGTERM")
        expect(lines.join("\n")).toMatch(
          /finalizers of a resource did not end|before the resources/
        )
        const disposed = lines.find((line) => line.startsWith("disposed"))
        expect(Number(disposed?.split(" ")[1])).toBeGreaterThan(900)
        expect(code).toBe(0)
      }),
    60_000
  )
})

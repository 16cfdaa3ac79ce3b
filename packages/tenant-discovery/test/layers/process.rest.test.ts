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

/** The time that a line such as `disposed 1034` tells. */
const millisOf = (line: string | undefined) => Number(line?.split(" ")[1])

describe("at a signal", () => {
  it.live(
    "dispose waits for work in progress, then releases",
    () =>
      Effect.gen(function* () {
        const { code, lines } = yield* run("finishes", "SIGTERM")
        expect(lines.slice(0, 3)).toEqual(["working", "finished", "released"])
        expect(lines.length).toBe(4)
        expect(code).toBe(0)
      }),
    60_000
  )

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it.live(
      `${signal}: dispose interrupts work after the drain, then releases`,
      () =>
        Effect.gen(function* () {
          const { code, lines } = yield* run("goes on", signal)
          expect(lines.slice(0, 4)).toEqual([
            "working",
            "interrupted",
            "failed TenantLayersClosed",
            "released"
          ])
          expect(code).toBe(0)
        }),
      60_000
    )
  }

  it.live(
    "a release that hangs ends the process after the close timeout, with a warning",
    () =>
      Effect.gen(function* () {
        const { code, lines } = yield* run("hangs", "SIGTERM")
        expect(lines.join("\n")).toMatch(
          /finalizers of a resource did not end|before the resources/
        )
        const disposed = lines.find((line) => line.startsWith("disposed"))
        expect(millisOf(disposed)).toBeGreaterThan(900)
        expect(code).toBe(0)
      }),
    60_000
  )

  it.live(
    "provide in a finalizer ends with its work, and the process exits",
    () =>
      Effect.gen(function* () {
        const { code, lines } = yield* run("finalizer", "SIGTERM")
        expect(lines).toEqual(["working", "saved", "released"])
        expect(code).toBe(0)
      }),
    60_000
  )
})

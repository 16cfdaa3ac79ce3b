/** The example programs as a user runs them: a process, environment variables, a signal. */
import { expect, it } from "@effect/vitest"
import { Simulator } from "@tenant-discovery/simulator"
import { Effect, Schedule, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

/** A process compiles itself as it starts, which is slow on a busy machine. */
const TIMEOUT = 120_000

interface Program {
  readonly output: Effect.Effect<string>
  /** Sends SIGTERM; returns the exit code. */
  readonly stop: Effect.Effect<number | null>
  /** Waits for the end; returns the exit code. */
  readonly ended: Effect.Effect<number | null>
}

const run = (
  name: string,
  env: Readonly<Record<string, string>>,
  ...args: ReadonlyArray<string>
): Effect.Effect<Program, never, Scope.Scope> =>
  Effect.gen(function* () {
    let output = ""
    const child = yield* Effect.acquireRelease(
      Effect.sync((): ChildProcess => {
        const path = fileURLToPath(new URL(`../src/${name}.ts`, import.meta.url))
        const conditions = "--conditions=tenant-discovery-source"
        return spawn(process.execPath, ["--import", "tsx", conditions, path, ...args], {
          env: { PATH: process.env["PATH"], NO_COLOR: "1", ...env },
          stdio: ["ignore", "pipe", "pipe"]
        })
      }),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    const read = (chunk: Buffer) => {
      output += chunk.toString()
    }
    child.stdout?.on("data", read)
    child.stderr?.on("data", read)
    const exited = once(child, "exit")
    const ended = Effect.promise(async () => {
      await exited
      return child.exitCode
    })
    return {
      ended,
      output: Effect.sync(() => output),
      stop: Effect.suspend(() => {
        child.kill("SIGTERM")
        return ended
      })
    }
  })

/** A log line of that tenant: its fields follow on indented lines. */
const line = (text: string, tenantId: string) =>
  new RegExp(`${text}\\n(?:  .*\\n)*  tenant_id: ${tenantId}\\n`)

/** Waits until the output matches. */
const untilOutput = (program: Program, wanted: RegExp) =>
  program.output.pipe(
    Effect.repeat({ until: (text) => wanted.test(text), schedule: Schedule.spaced("20 millis") }),
    Effect.timeoutFail({
      duration: "50 seconds",
      onTimeout: () => new Error(`the output never matched ${wanted.source}`)
    }),
    Effect.tapError(() => Effect.flatMap(program.output, (text) => Effect.logError(text)))
  )

const fleet = Simulator.make({
  redis: { kind: "embedded" },
  environment: "examples",
  tenants: [{ id: "acme" }, { id: "globex" }]
})

it.scopedLive(
  "scheduled-job runs for the active tenants, as they change",
  () =>
    Effect.gen(function* () {
      const simulator = yield* fleet
      const program = yield* run("scheduled-job", simulator.env)
      yield* untilOutput(program, line("run 2", "acme"))
      yield* untilOutput(program, line("run 1", "globex"))
      yield* simulator.create({ id: "initech" })
      yield* untilOutput(program, line("run 1", "initech"))
      expect(yield* program.stop).toBe(0)
    }),
  TIMEOUT
)

it.scopedLive(
  "outbox-relay opens an outbox for each tenant and closes it when the tenant is removed",
  () =>
    Effect.gen(function* () {
      const simulator = yield* fleet
      const program = yield* run("outbox-relay", simulator.env)
      yield* untilOutput(program, line("outbox opened", "acme"))
      yield* untilOutput(program, /relayed/)
      yield* simulator.suspend("acme")
      yield* untilOutput(program, line("outbox closed", "acme"))
      expect(yield* program.stop).toBe(0)
      // The shutdown closes the others.
      expect(yield* program.output).toMatch(line("outbox closed", "globex"))
    }),
  TIMEOUT
)

it.scopedLive(
  "npm run example:scheduled-job starts its own servers, shows the changes and ends by itself",
  () =>
    Effect.gen(function* () {
      const program = yield* run("withSimulator", {}, "scheduled-job")
      expect(yield* program.ended, yield* program.output).toBe(0)
      const output = yield* program.output
      expect(output).toMatch(line("run 1", "acme"))
      const afterSuspension = output.slice(output.indexOf("acme is suspended"))
      expect(afterSuspension).toMatch(line("run \\d+", "initech"))
      expect(output).toContain("ended with exit code 0")
    }),
  TIMEOUT
)

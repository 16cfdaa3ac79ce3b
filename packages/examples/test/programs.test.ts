/** The example programs, run as a user runs them: a process, environment variables, a signal. */
import { expect, it } from "@effect/vitest"
import { Simulator } from "@tenant-discovery/simulator"
import { Effect, Schedule, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

/** A process compiles itself as it starts, which takes its time on a busy machine. */
const TIMEOUT = 120_000

interface Program {
  readonly output: Effect.Effect<string>
  /** SIGTERM; gives the exit code. */
  readonly stop: Effect.Effect<number | null>
}

const run = (
  name: string,
  env: Readonly<Record<string, string>>
): Effect.Effect<Program, never, Scope.Scope> =>
  Effect.gen(function* () {
    let output = ""
    const child = yield* Effect.acquireRelease(
      Effect.sync((): ChildProcess => {
        const path = fileURLToPath(new URL(`../src/${name}.ts`, import.meta.url))
        const conditions = "--conditions=tenant-discovery-source"
        return spawn(process.execPath, ["--import", "tsx", conditions, path], {
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
    return {
      output: Effect.sync(() => output),
      stop: Effect.promise(async () => {
        const exited = once(child, "exit")
        child.kill("SIGTERM")
        await exited
        return child.exitCode
      })
    }
  })

/** A line of the log, of that tenant: its fields stand below it, indented. */
const line = (text: string, tenantId: string) =>
  new RegExp(`${text}\\n(?:  .*\\n)*  tenant_id: ${tenantId}\\n`)

/** Once the program has said so. */
const says = (program: Program, wanted: RegExp) =>
  program.output.pipe(
    Effect.repeat({ until: (text) => wanted.test(text), schedule: Schedule.spaced("20 millis") }),
    Effect.timeoutFail({
      duration: "50 seconds",
      onTimeout: () => new Error(`never said ${wanted.source}`)
    }),
    Effect.tapError(() => Effect.flatMap(program.output, (text) => Effect.logError(text)))
  )

const fleet = Simulator.make({
  redis: { kind: "embedded" },
  environment: "examples",
  tenants: [{ id: "acme" }, { id: "globex" }]
})

it.scopedLive(
  "scheduled-job syncs who is active, as it changes",
  () =>
    Effect.gen(function* () {
      const simulator = yield* fleet
      const program = yield* run("scheduled-job", simulator.env)
      yield* says(program, line("time 2", "acme"))
      yield* says(program, line("time 1", "globex"))
      yield* simulator.create({ id: "initech" })
      yield* says(program, line("time 1", "initech"))
      expect(yield* program.stop).not.toBe(1)
    }),
  TIMEOUT
)

it.scopedLive(
  "outbox-relay opens an outbox a tenant, and closes it when the tenant leaves",
  () =>
    Effect.gen(function* () {
      const simulator = yield* fleet
      const program = yield* run("outbox-relay", simulator.env)
      yield* says(program, line("outbox opened", "acme"))
      yield* says(program, /relayed/)
      yield* simulator.suspend("acme")
      yield* says(program, line("outbox closed", "acme"))
      yield* program.stop
      // Closing closes the others.
      expect(yield* program.output).toMatch(line("outbox closed", "globex"))
    }),
  TIMEOUT
)

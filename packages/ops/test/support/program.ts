/** A worker program with the operations endpoints, as a process. */
import { Cause, type Duration, Effect, Schedule } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { TOKEN } from "./http.js"

const path = fileURLToPath(new URL("../programs/worker.ts", import.meta.url))

/** Starts the program; waits until its endpoints listen. */
export const startProgram = (env: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, ["--import", "tsx", "--conditions=tenant-discovery-source", path], {
          env: { PATH: process.env["PATH"], NO_COLOR: "1", ...env },
          stdio: ["ignore", "pipe", "inherit"]
        })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    const exited = once(child, "close")
    const url = yield* Effect.async<string>((resume) => {
      createInterface(child.stdout).on("line", (line) => {
        if (line.startsWith("url ")) resume(Effect.succeed(line.slice(4)))
      })
      child.once("close", () => resume(Effect.die(new Error("the program ended"))))
    })
    /** Sends the signal, and waits for the end: the exit code, or the signal that ended it. */
    const end = (signal: NodeJS.Signals) =>
      Effect.promise(async () => {
        child.kill(signal)
        await exited
        return child.exitCode ?? child.signalCode
      })
    /** The status and the JSON of an answer. */
    const ask = (path: string, method = "GET") =>
      Effect.promise(async () => {
        const headers = { authorization: `Bearer ${TOKEN}` }
        const response = await fetch(`${url}${path}`, { method, headers })
        const text = await response.text()
        const json: unknown = JSON.parse(text)
        return { status: response.status, json }
      })
    return { url, ask, end }
  })

/** Repeats `effect` until its result is as wanted; dies when that takes too long. */
export const eventually = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  wanted: (result: A) => boolean,
  within: Duration.DurationInput = "20 seconds"
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    let last: A | undefined
    return effect.pipe(
      Effect.tap((result) => {
        last = result
      }),
      Effect.repeat(Schedule.zipRight(Schedule.spaced("20 millis"), Schedule.recurUntil(wanted))),
      Effect.timeoutFailCause({
        duration: within,
        onTimeout: () => Cause.die(new Error(`did not hold in time; last: ${JSON.stringify(last)}`))
      })
    )
  })

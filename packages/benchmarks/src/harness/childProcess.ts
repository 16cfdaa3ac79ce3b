/** Child processes of the benchmarks, told what to do over IPC. */
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Effect, type Scope } from "effect"

export const spawn = (
  file: string,
  args: ReadonlyArray<string> = [],
  flags: ReadonlyArray<string> = []
): ChildProcess =>
  fork(fileURLToPath(new URL(file, import.meta.url)), [...args], {
    execArgv: [...process.execArgv, ...flags],
    stdio: ["ignore", "inherit", "inherit", "ipc"]
  })

/** The child's next message; rejects when it ends first. */
export const answerOf = <A>(child: ChildProcess): Promise<A> =>
  new Promise((resolve, reject) => {
    const ended = (code: number | null) =>
      reject(new Error(`${child.spawnargs.join(" ")} ended with code ${code}`))
    child.once("exit", ended)
    child.once("message", (message) => {
      child.removeListener("exit", ended)
      resolve(message as A)
    })
  })

export const ask = <A>(child: ChildProcess, order: object): Promise<A> => {
  const answer = answerOf<A>(child)
  child.send(order)
  return answer
}

/** A child that lives as long as the scope. */
export const scoped = (
  file: string,
  flags: ReadonlyArray<string> = []
): Effect.Effect<ChildProcess, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => spawn(file, [], flags)),
    (child) => Effect.sync(() => child.kill())
  )

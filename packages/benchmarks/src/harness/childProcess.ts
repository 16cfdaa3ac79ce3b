/** Child processes of the benchmarks. They receive orders and answer over IPC. */
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

/** The child's next message. Rejects where the child cannot start or exits first. */
export const answerOf = <A>(child: ChildProcess): Promise<A> =>
  new Promise((resolve, reject) => {
    const command = child.spawnargs.join(" ")
    const onError = (cause: Error) => reject(new Error(`cannot run ${command}: ${cause.message}`))
    const onExit = (code: number | null) => reject(new Error(`${command} exited with code ${code}`))
    child.once("error", onError)
    child.once("exit", onExit)
    child.once("message", (message) => {
      child.off("error", onError)
      child.off("exit", onExit)
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

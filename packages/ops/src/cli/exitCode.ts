/** With what code the process exits. */
import * as ValidationError from "@effect/cli/ValidationError"
import { Cause, Effect, Exit, Option } from "effect"

/** For a command that runs until it is interrupted: exit code 0 then. */
export const endsByInterruption = <A, E, R>(
  command: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.onInterrupt(command, () =>
    Effect.sync(() => {
      process.exitCode = 0
    })
  )

/**
 * - 0: well, also where a command was interrupted that runs until then (`watch`, `serve`).
 * - 1: an error, or a failed step of `doctor`.
 * - 2: wrong usage.
 * - 130: another command was interrupted.
 */
export const exitCodeOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return 0
  if (Cause.isInterruptedOnly(exit.cause)) return Number(process.exitCode ?? 130)
  const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
  return ValidationError.isValidationError(error) ? 2 : 1
}

/** Runs the commands of the reducer: the list, the timer, log lines, counts, callers. */
import { Cause, Deferred, Effect, FiberHandle, LogLevel, Option, type Scope } from "effect"
import type { TenantManager } from "../../TenantManager.js"
import { type TenantManagerError, TenantManagerUnavailable } from "../../TenantManagerError.js"
import type { DiscoveryMetrics } from "../metrics.js"
import { currentMoment } from "../moment.js"
import type { Inputs } from "./inputs.js"
import type { Command } from "./state.js"

/** An error of the discovery itself, as a failed list. */
export const unavailable = (message: string): TenantManagerError =>
  new TenantManagerUnavailable({
    operation: "list active tenants",
    message,
    status: undefined,
    retryAfter: undefined,
    cause: undefined
  })

/** A logger, a tracer or a metric that throws costs its own effect alone. */
export const guarded = <R>(
  effect: Effect.Effect<unknown, never, R>
): Effect.Effect<void, never, R> => Effect.catchAllCause(Effect.asVoid(effect), () => Effect.void)

export const logDefect = (message: string, cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  guarded(Effect.logError(message, cause))

/** One call; a client that dies or interrupts itself counts as an outage. */
export const listOnce = (manager: TenantManager["Type"], metrics: DiscoveryMetrics) =>
  manager.listActiveTenants.pipe(
    Effect.catchAllCause((cause) =>
      Option.match(Cause.failureOption(cause), {
        onSome: Effect.fail,
        onNone: () =>
          Effect.zipRight(
            logDefect("list failed: the tenant manager's client died; retrying", cause),
            Effect.fail(unavailable("the tenant manager's client died; the log has the defect"))
          )
      })
    ),
    Effect.tapBoth({
      onSuccess: () => guarded(Effect.sync(() => metrics.countList("taken"))),
      onFailure: () => guarded(Effect.sync(() => metrics.countList("failed")))
    })
  )

/** Runs one command. The list and the timer run in the background until the scope closes. */
export const makeCommands = (
  manager: TenantManager["Type"],
  inputs: Inputs,
  metrics: DiscoveryMetrics
): Effect.Effect<(command: Command) => Effect.Effect<void>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const listFiber = yield* FiberHandle.make<void>()
    const timerFiber = yield* FiberHandle.make<void>()

    const list = Effect.match(listOnce(manager, metrics), {
      onSuccess: (listing) => void inputs.offer({ _tag: "Listed", listing }),
      onFailure: (error) => void inputs.offer({ _tag: "ListFailed", error })
    })

    const fire = Effect.sync(() => void inputs.offer({ _tag: "TimerFired" }))

    const armTimer = (at: number | undefined): Effect.Effect<unknown> =>
      at === undefined
        ? FiberHandle.clear(timerFiber)
        : Effect.flatMap(currentMoment, ({ mono }) =>
            FiberHandle.run(
              timerFiber,
              Effect.interruptible(Effect.delay(fire, Math.ceil(Math.max(0, at - mono))))
            )
          )

    const run = (command: Command): Effect.Effect<unknown> => {
      switch (command._tag) {
        case "StartList":
          return Effect.zipRight(
            FiberHandle.clear(timerFiber),
            FiberHandle.run(listFiber, Effect.interruptible(list))
          )
        case "ArmTimer":
          return armTimer(command.at)
        case "Log":
          return Effect.annotateLogs(
            Effect.logWithLevel(LogLevel.fromLiteral(command.level), command.message),
            command.fields
          )
        case "CountDrift":
          return Effect.sync(() => metrics.countDrift(command.count))
        case "Settle": {
          const { error, waiters } = command
          const exit = error === undefined ? Effect.void : Effect.fail(error)
          return Effect.forEach(waiters, (waiter) => Deferred.complete(waiter, exit), {
            discard: true
          })
        }
      }
    }

    return (command) =>
      Effect.catchAllCause(Effect.asVoid(run(command)), (cause) =>
        command._tag === "Log" ? Effect.void : logDefect(`${command._tag} failed`, cause)
      )
  })

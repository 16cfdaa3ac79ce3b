/**
 * What the tests of the workers share: work that is watched, and a wait for what
 * other fibers do.
 */
import { Data, Effect, Exit, Logger, Schedule, TestClock, TestServices } from "effect"
import { CurrentTenant } from "../../src/CurrentTenant.js"
import type { TenantId } from "../../src/Tenant.js"

/** Lets every fiber do what it can do without the clock. */
export const settle = Effect.repeatN(TestClock.adjust("0 millis"), 2)

class NotYet extends Data.TaggedError("NotYet")<{ readonly message: string }> {}

/** Ends when `check` gives true; dies after ten seconds of real time in which it never did. */
export const eventually = (what: string, check: () => boolean): Effect.Effect<void> =>
  Effect.sync(check).pipe(
    Effect.repeat({ until: (held) => held, schedule: Schedule.spaced("1 millis") }),
    Effect.timeoutFail({
      duration: "10 seconds",
      onTimeout: () => new NotYet({ message: `not within 10 s: ${what}` })
    }),
    Effect.orDie,
    Effect.asVoid,
    TestServices.provideLive
  )

export class Boom extends Data.TaggedError("Boom")<{ readonly message: string }> {}

/** Work that keeps book of itself, and behaves by tenant as told. */
export class Probe {
  /** Every start, in order. */
  readonly started: Array<string> = []
  readonly ended: Array<{ readonly id: string; readonly how: "done" | "failed" | "interrupted" }> =
    []
  readonly active = new Map<TenantId, number>()
  /** The most that were under way at once: in all, and of one tenant. */
  most = 0
  mostOfOne = 0
  /** What the work of a tenant does; nothing where it is not said. */
  readonly behaviour = new Map<string, Effect.Effect<void, Boom>>()
  otherwise: Effect.Effect<void, Boom> = Effect.void
  onStart: (id: TenantId) => void = () => {}

  get activeIds(): ReadonlyArray<string> {
    return [...this.active.keys()].toSorted()
  }

  startsOf(id: string): number {
    return this.started.filter((one) => one === id).length
  }

  endsOf(id: string): ReadonlyArray<string> {
    return this.ended.filter((one) => one.id === id).map(({ how }) => how)
  }

  private begin(id: TenantId): void {
    this.started.push(id)
    this.onStart(id)
    const now = (this.active.get(id) ?? 0) + 1
    this.active.set(id, now)
    this.mostOfOne = Math.max(this.mostOfOne, now)
    this.most = Math.max(
      this.most,
      [...this.active.values()].reduce((sum, count) => sum + count, 0)
    )
  }

  private end(id: TenantId, exit: Exit.Exit<void, Boom>): void {
    const left = (this.active.get(id) ?? 0) - 1
    if (left === 0) this.active.delete(id)
    else this.active.set(id, left)
    const how = Exit.isSuccess(exit) ? "done" : Exit.isInterrupted(exit) ? "interrupted" : "failed"
    this.ended.push({ id, how })
  }

  readonly run: Effect.Effect<void, Boom, CurrentTenant> = Effect.flatMap(CurrentTenant, ({ id }) =>
    Effect.acquireUseRelease(
      Effect.sync(() => this.begin(id)),
      () => this.behaviour.get(id) ?? this.otherwise,
      (_, exit) => Effect.sync(() => this.end(id, exit))
    )
  )
}

/** Log lines as `LEVEL message`, with their annotations and causes. */
export interface LogLine {
  readonly level: string
  readonly message: string
  readonly annotations: Record<string, unknown>
  readonly cause: string
}

export const captureLogs = () => {
  const lines: Array<LogLine> = []
  const logger = Logger.make(({ annotations, cause, logLevel, message }) => {
    lines.push({
      level: logLevel.label,
      message: String(message),
      annotations: Object.fromEntries(annotations),
      cause: JSON.stringify(cause)
    })
  })
  return { lines, layer: Logger.replace(Logger.defaultLogger, logger) }
}

/**
 * A runtime whose time passes only on request: thousands of histories a minute, each the same
 * at every run. `TestClock` waits in real time for fibers to suspend; here nothing runs once the
 * scheduler has no task.
 */
import {
  Clock,
  Duration,
  Effect,
  type Fiber,
  FiberId,
  Logger,
  LogLevel,
  Random,
  Scheduler
} from "effect"

interface Timer {
  readonly at: number
  readonly fire: () => void
}

export class VirtualTime {
  private millis = 1_000_000
  /** Fibers that sleep, and calls of `at` that are due later, in the order of their start. */
  readonly timers = new Set<Timer>()
  /** How far the wall clock is ahead of the monotonic one. */
  private wallOffset = 0

  private readonly scheduler = new Scheduler.ControlledScheduler()
  private readonly clock: Clock.Clock = {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: () => this.wall,
    unsafeCurrentTimeNanos: () => this.nanos,
    currentTimeMillis: Effect.sync(() => this.wall),
    currentTimeNanos: Effect.sync(() => this.nanos),
    sleep: (duration) =>
      Effect.async<void>((resume) => {
        const timer = this.at(this.millis + Duration.toMillis(duration), () => resume(Effect.void))
        return Effect.sync(() => this.timers.delete(timer))
      })
  }

  constructor(private readonly seed: number) {}

  /** Monotonic milliseconds. */
  get now(): number {
    return this.millis
  }

  get nanos(): bigint {
    return BigInt(Math.round(this.millis * 1e6))
  }

  get wall(): number {
    return this.millis + this.wallOffset
  }

  setWallBy(millis: number): void {
    this.wallOffset += millis
  }

  /** Calls `fire` at that time. */
  at(time: number, fire: () => void): Timer {
    const timer = { at: time, fire }
    this.timers.add(timer)
    return timer
  }

  /** Starts an effect and runs every fiber until nothing can run. */
  start<A, E>(effect: Effect.Effect<A, E>): Fiber.RuntimeFiber<A, E> {
    const provided = effect.pipe(
      Effect.withClock(this.clock),
      Effect.withRandom(Random.make(this.seed)),
      Logger.withMinimumLogLevel(LogLevel.None)
    )
    const fiber = Effect.runFork(provided, { scheduler: this.scheduler })
    this.settle()
    return fiber
  }

  /** The result of an effect that needs no time. */
  run<A>(effect: Effect.Effect<A>): A {
    const exit = this.start(effect).unsafePoll()
    if (exit === null) throw new Error("the effect is suspended")
    if (exit._tag === "Failure") throw new Error(`the effect failed: ${exit.cause.toString()}`)
    return exit.value
  }

  interrupt(fiber: Fiber.RuntimeFiber<unknown, unknown>): void {
    fiber.unsafeInterruptAsFork(FiberId.none)
    this.settle()
  }

  settle(): void {
    while (this.scheduler.tasks.buckets.length > 0) this.scheduler.step()
  }

  /** Lets time pass. `check` is called after each timer, once nothing can run. */
  pass(millis: number, check: () => void): void {
    const end = this.millis + millis
    for (;;) {
      const [next] = [...this.timers].sort((a, b) => a.at - b.at)
      if (next === undefined || next.at > end) break
      this.millis = Math.max(this.millis, next.at)
      this.timers.delete(next)
      next.fire()
      this.settle()
      check()
    }
    this.millis = end
    check()
  }
}

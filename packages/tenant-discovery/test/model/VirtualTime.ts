/**
 * A runtime whose time passes only when it is told to, and whose fibers run only
 * then: thousands of histories a minute, each the same at every run.
 *
 * `TestClock` waits in real time for fibers to fall asleep, some milliseconds at
 * each step; here the scheduler is ours, so that all is quiet when its queue is
 * empty.
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
  type Scheduler
} from "effect"

interface Sleep {
  readonly at: number
  readonly wake: () => void
}

export class VirtualTime {
  private millis = 1_000_000
  private sleeps: ReadonlyArray<Sleep> = []
  private tasks: Array<() => void> = []

  /** How far the wall clock is ahead of the monotonic one. */
  private ahead = 0

  private readonly scheduler: Scheduler.Scheduler = {
    shouldYield: (fiber) => (fiber.currentOpCount > 2048 ? 0 : false),
    scheduleTask: (task) => {
      this.tasks.push(task)
    }
  }

  private readonly clock: Clock.Clock = {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: () => this.wall,
    unsafeCurrentTimeNanos: () => BigInt(Math.round(this.millis * 1e6)),
    currentTimeMillis: Effect.sync(() => this.wall),
    currentTimeNanos: Effect.sync(() => BigInt(Math.round(this.millis * 1e6))),
    sleep: (duration) =>
      Effect.async<void>((resume) => {
        const sleep: Sleep = {
          at: this.millis + Duration.toMillis(duration),
          wake: () => resume(Effect.void)
        }
        this.sleeps = [...this.sleeps, sleep]
        return Effect.sync(() => this.forget(sleep))
      })
  }

  constructor(private readonly seed: number) {}

  /** Monotonic milliseconds: the model's own time. */
  get now(): number {
    return this.millis
  }

  /** What the wall clock says. */
  get wall(): number {
    return this.millis + this.ahead
  }

  setWallBy(millis: number): void {
    this.ahead += millis
  }

  /** Something that happens by itself at that time. */
  at(time: number, wake: () => void): void {
    this.sleeps = [...this.sleeps, { at: time, wake }]
  }

  /** How many fibers sleep, and how much is still to happen by itself. */
  get sleeping(): number {
    return this.sleeps.length
  }

  /** Starts an effect and lets every fiber run until all is quiet. */
  start<A, E>(effect: Effect.Effect<A, E>): Fiber.RuntimeFiber<A, E> {
    const fiber = Effect.runFork(this.within(effect), { scheduler: this.scheduler })
    this.settle()
    return fiber
  }

  /** The result of an effect that needs no time, once all is quiet again. */
  run<A>(effect: Effect.Effect<A>): A {
    const exit = this.start(effect).unsafePoll()
    if (exit === null) throw new Error("the effect waits for something")
    if (exit._tag === "Failure") throw new Error(`the effect failed: ${exit.cause.toString()}`)
    return exit.value
  }

  stop(fiber: Fiber.RuntimeFiber<unknown, unknown>): void {
    fiber.unsafeInterruptAsFork(FiberId.none)
    this.settle()
  }

  settle(): void {
    for (let task = this.tasks.shift(); task !== undefined; task = this.tasks.shift()) task()
  }

  /** Lets so much time pass; `quiet` is called at each moment at which somebody woke. */
  pass(millis: number, quiet: () => void): void {
    const end = this.millis + millis
    for (;;) {
      const next = this.sleeps.reduce<Sleep | undefined>(
        (first, sleep) => (first === undefined || sleep.at < first.at ? sleep : first),
        undefined
      )
      if (next === undefined || next.at > end) break
      this.millis = Math.max(this.millis, next.at)
      this.forget(next)
      next.wake()
      this.settle()
      quiet()
    }
    this.millis = end
    quiet()
  }

  private within<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return effect.pipe(
      Effect.withClock(this.clock),
      Effect.withRandom(Random.make(this.seed)),
      Logger.withMinimumLogLevel(LogLevel.None)
    )
  }

  private forget(sleep: Sleep): void {
    this.sleeps = this.sleeps.filter((one) => one !== sleep)
  }
}

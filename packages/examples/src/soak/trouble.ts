/** What the program's own work, builds and finalizers do wrong, at random. */
import { Data, Effect, Random } from "effect"

export class SoakFailure extends Data.TaggedError("SoakFailure")<{ readonly message: string }> {}

const STUCK = "4 seconds"

export class Misbehaviour {
  /** While true, nothing goes wrong. */
  isCalm = false
  /** How often each kind happened. */
  readonly counts = new Map<string, number>()

  private happens(kind: string, probability: number): Effect.Effect<boolean> {
    return Effect.map(Random.next, (random) => {
      if (this.isCalm || random >= probability) return false
      this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1)
      return true
    })
  }

  /** Fails, dies, hangs until it is interrupted, or ignores interruption for four seconds. */
  readonly strike = (
    what: string,
    onStuck: () => void = () => {}
  ): Effect.Effect<void, SoakFailure> =>
    Effect.gen(this, function* () {
      if (yield* this.happens(`${what} fails`, 0.03)) {
        return yield* new SoakFailure({ message: `${what} failed: ${"x".repeat(10_000)}` })
      }
      if (yield* this.happens(`${what} dies`, 0.005)) {
        return yield* Effect.die(new Error(`${what} died`))
      }
      if (yield* this.happens(`${what} hangs`, 0.005)) return yield* Effect.never
      if (!(yield* this.happens(`${what} ignores interruption`, 0.002))) return
      onStuck()
      yield* Effect.uninterruptible(Effect.sleep(STUCK))
    })

  /** A finalizer that takes longer than the pool waits for it. */
  readonly delayRelease = Effect.whenEffect(
    Effect.sleep(STUCK),
    Effect.suspend(() => this.happens("finalizer hangs", 0.002))
  )
}

/** Random histories of acts, as tests about laws take them. */
import { Effect, FastCheck as fc, Logger, LogLevel, Struct, TestContext } from "effect"

/** Histories of steps with an act, each as often as its weight says, and more fields. */
export const histories = <const Act extends string, Fields extends object>(
  weights: Readonly<Record<Act, number>>,
  fields: fc.Arbitrary<Fields>,
  maxLength: number
) => {
  const act = fc.oneof(
    ...Struct.entries(weights).map(([act, weight]) => ({ weight, arbitrary: fc.constant(act) }))
  )
  return fc.array(fc.record({ act, fields }), { minLength: 1, maxLength })
}

/** Runs a history under a test clock of its own, without logs. */
export const runQuietly = <A, E>(run: Effect.Effect<A, E>): Promise<A> =>
  run.pipe(
    Logger.withMinimumLogLevel(LogLevel.None),
    Effect.provide(TestContext.TestContext),
    Effect.runPromise
  )

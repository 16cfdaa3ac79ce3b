/** Runs stories and random histories, and checks every law. */
import { Effect, FastCheck as fc } from "effect"
import { checkBounded, checkConvergence, checkSilence } from "./endLaws.js"
import { commands, start, TakeStep } from "./histories.js"
import { checkOneList } from "./listLaws.js"
import type { Model } from "./Model.js"
import { Simulation, type Variant } from "./Simulation.js"
import { describeStory, type Start, type Story } from "./story.js"
import { LawViolation } from "./violation.js"

type Commands = Iterable<fc.Command<Model, Simulation>>

/** One history from the start to after the close. Throws where a law is broken. */
const run = (simulation: Simulation, steps: Commands): void => {
  fc.modelRun(() => ({ model: simulation.model, real: simulation }), steps)
  if (simulation.start.ending !== "Close") {
    checkConvergence(simulation)
    checkBounded(simulation)
  }
  checkOneList(simulation)
  checkSilence(simulation)
}

/** How a story breaks a law, if it does. */
export const violationOf = (story: Story, variant?: Variant): string | undefined => {
  try {
    run(
      new Simulation(story.start, variant),
      story.steps.map((step) => new TakeStep(step))
    )
    return undefined
  } catch (error) {
    if (error instanceof LawViolation) return error.message
    throw error
  }
}

/** The steps that a history took, of those that were generated. */
const storyOf = (steps: Commands, from: Start, variant: Variant): Story => {
  const simulation = new Simulation(from, variant)
  try {
    fc.modelRun(() => ({ model: simulation.model, real: simulation }), steps)
  } catch {
    // The violation is reported already.
  }
  return { start: from, steps: simulation.takenSteps }
}

/**
 * Runs random histories. The report of the first violation, `undefined` if there is none: the
 * violation, the shrunk story in words and as data for `stories.ts`, and how to repeat it.
 */
export const findViolation = async (
  runs: number,
  seed: number,
  { shrink = true, variant = {} }: { readonly shrink?: boolean; readonly variant?: Variant } = {}
): Promise<string | undefined> => {
  const details = await fc.check(
    fc.asyncProperty(commands, start, async (steps, from) => {
      run(new Simulation(from, variant), steps)
      // Lets the test runner handle its messages.
      await Effect.runPromise(Effect.sleep(0))
    }),
    { numRuns: runs, seed, endOnFailure: !shrink }
  )
  if (!details.failed) return undefined
  const reason = String(details.errorInstance)
  const where = `(seed ${seed}, history ${details.numRuns}, path ${details.counterexamplePath})`
  if (details.counterexample === null) return `${reason}\n${where}`
  const story = storyOf(...details.counterexample, variant)
  return `${reason}\n${describeStory(story)}\n${JSON.stringify(story)}\n${where}`
}

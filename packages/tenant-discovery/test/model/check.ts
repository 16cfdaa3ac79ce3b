/** Runs stories and random histories, and checks every law. */
import { Effect, FastCheck as fc } from "effect"
import { checkBounded, checkConvergence, checkSilence } from "./endLaws.js"
import { commands, start, TakeStep } from "./histories.js"
import { checkOneList } from "./listLaws.js"
import type { Model } from "./Model.js"
import { Simulation, type Variant } from "./Simulation.js"
import type { Story } from "./story.js"
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

/**
 * Runs random histories. The report of the first violation, `undefined` if there is none: the
 * violation, the shrunk story as data for `stories.ts`, and how to repeat it.
 */
export const findViolation = async (
  runs: number,
  seed: number,
  variant: Variant = {},
  { shrink }: { readonly shrink: boolean } = { shrink: true }
): Promise<string | undefined> => {
  let failed: Story | undefined
  const property = fc.asyncProperty(commands, start, async (steps, from) => {
    const simulation = new Simulation(from, variant)
    try {
      run(simulation, steps)
    } catch (error) {
      failed = { start: from, steps: simulation.takenSteps }
      throw error
    }
    // Lets the test runner handle its messages.
    await Effect.runPromise(Effect.sleep(0))
  })
  const details = await fc.check(property, { numRuns: runs, seed, endOnFailure: !shrink })
  if (!details.failed) return undefined
  const where = `(seed ${seed}, history ${details.numRuns}, path ${details.counterexamplePath})`
  const story = failed && [failed.start, ...failed.steps].map((part) => JSON.stringify(part))
  return [String(details.errorInstance), ...(story ?? []), where].join("\n")
}

/** Runs stories and random histories, and checks every law. */
import { Effect, FastCheck as fc } from "effect"
import { checkBounded, checkConvergence, checkSilence } from "./endLaws.js"
import { histories } from "./histories.js"
import { checkLaws, checkRequireFresh } from "./laws.js"
import { checkOneList } from "./listLaws.js"
import { Simulation, type Variant } from "./Simulation.js"
import type { Story } from "./story.js"
import { LawViolation } from "./violation.js"

/** One history from the start to after the close. Throws where a law is broken. */
const run = ({ start, steps }: Story, variant?: Variant): void => {
  const simulation = new Simulation(start, variant)
  for (const step of steps) {
    simulation.take(step, () => checkLaws(simulation))
    checkRequireFresh(simulation)
  }
  if (start.ending !== "Close") {
    checkConvergence(simulation)
    checkBounded(simulation)
  }
  checkOneList(simulation)
  checkSilence(simulation)
}

/** How a story breaks a law, if it does. */
export const violationOf = (story: Story, variant?: Variant): string | undefined => {
  try {
    run(story, variant)
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
  variant?: Variant,
  { shrink } = { shrink: true }
): Promise<string | undefined> => {
  const property = fc.asyncProperty(histories, async (history) => {
    run(history, variant)
    // Lets the test runner handle its messages.
    await Effect.runPromise(Effect.sleep(0))
  })
  const details = await fc.check(property, { numRuns: runs, seed, endOnFailure: !shrink })
  if (!details.failed) return undefined
  const where = `(seed ${seed}, history ${details.numRuns}, path ${details.counterexamplePath})`
  const parts = details.counterexample?.flatMap(({ start, steps }) => [start, ...steps]) ?? []
  return [String(details.errorInstance), ...parts.map((part) => JSON.stringify(part)), where].join(
    "\n"
  )
}

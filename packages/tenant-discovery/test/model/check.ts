/** Runs histories and holds each against the laws. */
import { FastCheck as fc } from "effect"
import { always, bounded, converges, freshAsAsked, inAll, silentAfterClose } from "./laws.js"
import { type History, history, tell } from "./story.js"
import { World } from "./World.js"

/** One history from the start to after the close. Throws where a law is broken. */
export const live = (one: History): void => {
  const world = new World(one)
  for (const step of one.steps) {
    world.do(step, () => always(world))
    freshAsAsked(world)
  }
  if (one.steps.length % 3 > 0) {
    converges(world)
    bounded(world)
  }
  inAll(world)
  silentAfterClose(world)
}

export interface Finding {
  readonly seed: number
  /** `undefined` where every history kept every law. */
  readonly story: string | undefined
}

/** Lets the runner speak with its parent: minutes without a word, and it counts as dead. */
const breathe = () => new Promise<void>((resume) => setImmediate(resume))

/** So many random histories; the first that breaks a law is shrunk and told. */
export const check = async (runs: number, seed: number): Promise<Finding> => {
  const details = await fc.check(
    fc.asyncProperty(history, async (one) => {
      live(one)
      await breathe()
    }),
    { numRuns: runs, seed }
  )
  if (!details.failed) return { seed, story: undefined }
  const worst = details.counterexample?.[0]
  const why =
    details.errorInstance instanceof Error ? details.errorInstance.message : "it was interrupted"
  return {
    seed,
    story: `${why}\n${worst === undefined ? "" : tell(worst)}\n(seed ${seed}, path ${details.counterexamplePath})`
  }
}

/** Runs histories and holds each against the laws. */
import { FastCheck as fc } from "effect"
import { commands, Does, start } from "./histories.js"
import type { Knowledge } from "./Knowledge.js"
import { bounded, converges, inAll, silentAfterClose } from "./laws.js"
import { type Start, type Story, tell } from "./story.js"
import { LawBroken } from "./verdict.js"
import { World } from "./World.js"

type Commands = Iterable<fc.Command<Knowledge, World>>

/** One history from the start to after the close. Throws where a law is broken. */
const live = (world: World, steps: Commands): void => {
  fc.modelRun(() => ({ model: world.known, real: world }), steps)
  if (world.start.ending !== "Close") {
    converges(world)
    bounded(world)
  }
  inAll(world)
  silentAfterClose(world)
}

/** A story once more: which law it breaks and how, if it does. */
export const complaint = (story: Story): string | undefined => {
  try {
    live(
      new World(story.start),
      story.steps.map((step) => new Does(step))
    )
    return undefined
  } catch (error) {
    if (error instanceof LawBroken) return error.message
    throw error
  }
}

export interface Finding {
  /** What was broken and how, for a person; `undefined` where every history kept every law. */
  readonly report: string | undefined
}

/** Lets the runner speak with its parent: minutes without a word, and it counts as dead. */
const breathe = () => new Promise<void>((resume) => setImmediate(resume))

/** The steps that were taken, of those that the runner tried. */
const storyOf = (steps: Commands, from: Start): Story => {
  const world = new World(from)
  try {
    fc.modelRun(() => ({ model: world.known, real: world }), steps)
  } catch {
    // As it did before.
  }
  return { start: from, steps: world.taken }
}

/**
 * So many random histories. The first that breaks a law is shrunk and told, and
 * given as data, to be kept in `stories.ts`; with `asFound` it is told as it is.
 */
export const check = async (
  runs: number,
  seed: number,
  options: { readonly asFound: boolean } = { asFound: false }
): Promise<Finding> => {
  const details = await fc.check(
    fc.asyncProperty(commands, start, async (steps, from) => {
      live(new World(from), steps)
      await breathe()
    }),
    { numRuns: runs, seed, endOnFailure: options.asFound }
  )
  if (!details.failed) return { report: undefined }
  const why =
    details.errorInstance instanceof Error ? details.errorInstance.message : "it was interrupted"
  const where = `(seed ${seed}, history ${details.numRuns}, path ${details.counterexamplePath})`
  if (details.counterexample === null) return { report: `${why}\n${where}` }
  const story = storyOf(...details.counterexample)
  return {
    report: `${why}\n${tell(story)}\nas data, to be kept in stories.ts:\n${JSON.stringify(story)}\n${where}`
  }
}

/**
 * Interleaved rounds. A shared machine's speed moves by half from minute to
 * minute; what was measured side by side within one round moves together.
 */
import { Record as Records, Struct } from "effect"

/** What one round of each variant measured, in the order of the rounds. */
export type Rounds<Name extends string> = Readonly<Record<Name, ReadonlyArray<number>>>

export interface RoundsOptions {
  /** Default 7. */
  readonly rounds?: number | undefined
  /** Rounds that are run and not counted. Default 2. */
  readonly warmUp?: number | undefined
  /**
   * Whether garbage is collected before each run. Default true. It throws away compiled code
   * as well, which takes a subject that is quick up to a million messages to make up for.
   */
  readonly collect?: boolean | undefined
}

export const collectGarbage = (): void => {
  if (typeof globalThis.gc === "function") globalThis.gc()
}

/**
 * Runs every variant once a round, and begins each round with another one, so that none
 * always follows the same neighbour.
 */
export const interleave = async <Name extends string>(
  variants: Readonly<Record<Name, () => Promise<number> | number>>,
  { collect = true, rounds = 7, warmUp = 2 }: RoundsOptions = {}
): Promise<Rounds<Name>> => {
  const names = Struct.keys(variants)
  const measured = Records.map(variants, (): Array<number> => [])
  for (let round = -warmUp; round < rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + round + warmUp) % names.length]
      if (name === undefined) continue
      if (collect) collectGarbage()
      const value = await variants[name]()
      if (round >= 0) measured[name].push(value)
    }
  }
  return measured
}

/** Microseconds of processor time that this process used while `run` did. */
export const processorTime = async (run: () => Promise<void>): Promise<number> => {
  const before = process.cpuUsage()
  await run()
  const { system, user } = process.cpuUsage(before)
  return user + system
}

/** Milliseconds that `run` took. */
export const elapsed = async (run: () => Promise<void> | void): Promise<number> => {
  const start = performance.now()
  await run()
  return performance.now() - start
}

/** Waits until `holds`, looking each few milliseconds. */
export const until = async (holds: () => boolean, what: string, limit = 30_000): Promise<void> => {
  const deadline = performance.now() + limit
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`waited ${limit} ms for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

let sink: unknown

/** Keeps the compiler from leaving out what nobody looks at. */
export const keep = (value: unknown): void => {
  sink = value
}

/** What was kept last. */
export const kept = (): unknown => sink

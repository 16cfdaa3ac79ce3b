/**
 * Interleaved rounds. The speed of a shared machine changes by half from minute to minute; the
 * variants within one round see the same speed.
 */
import { Record as Records, Struct } from "effect"

/** The values of each variant, in the order of the rounds. */
export type Rounds<Name extends string> = Readonly<Record<Name, ReadonlyArray<number>>>

export interface RoundsOptions {
  /** Default 5. */
  readonly rounds?: number | undefined
  /** Rounds that run first and do not count. Default 1. */
  readonly warmUp?: number | undefined
  /**
   * Whether garbage is collected before each run. Default true. A collection discards compiled
   * code too, which distorts short measurements of code that runs for hours.
   */
  readonly collect?: boolean | undefined
}

export const collectGarbage = (): void => {
  if (typeof globalThis.gc === "function") globalThis.gc()
}

/** Runs every variant once a round. Each round begins with another variant. Prints a dot a run. */
export const interleave = async <Name extends string>(
  variants: Readonly<Record<Name, () => Promise<number> | number>>,
  { collect = true, rounds = 5, warmUp = 1 }: RoundsOptions = {}
): Promise<Rounds<Name>> => {
  const names = Struct.keys(variants)
  const measured = Records.map(variants, (): Array<number> => [])
  for (let round = -warmUp; round < rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + round + warmUp) % names.length]
      if (name === undefined) continue
      if (collect) collectGarbage()
      const value = await variants[name]()
      process.stderr.write(".")
      if (round >= 0) measured[name].push(value)
    }
  }
  return measured
}

/** Microseconds of processor time that this process used during `run`. */
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

/** Waits until `holds` returns true; checks every 2 ms. Rejects after `limit` milliseconds. */
export const until = async (holds: () => boolean, what: string, limit = 30_000): Promise<void> => {
  const deadline = performance.now() + limit
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`waited ${limit} ms for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

let sink: unknown

/** Keeps the compiler from removing a computation whose result is not used. */
export const keep = (value: unknown): void => {
  sink = value
}

/** The value of the last `keep`. */
export const kept = (): unknown => sink

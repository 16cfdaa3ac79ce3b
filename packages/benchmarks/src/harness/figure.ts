/** What a benchmark finds: one line of the table. */

/** A median with the least and the most of the rounds. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** Which ratio of ours to the baseline's is wanted. */
export type Reach =
  | { readonly _tag: "AtLeast"; readonly ratio: number }
  | { readonly _tag: "AtMost"; readonly ratio: number }
  /** Shown, not judged. */
  | { readonly _tag: "Shown" }

export interface Figure {
  /** The row of the table of limits. */
  readonly row: number
  readonly name: string
  readonly baseline: string
  readonly unit: string
  readonly ours: Spread
  readonly theirs: Spread | undefined
  /** Ours to theirs, or to the limit where there is no baseline: the median of the rounds' own ratios. */
  readonly ratio: Spread
  readonly reach: Reach
}

export const atLeast = (ratio: number): Reach => ({ _tag: "AtLeast", ratio })
export const atMost = (ratio: number): Reach => ({ _tag: "AtMost", ratio })
export const shown: Reach = { _tag: "Shown" }

export const isMet = ({ ratio, reach }: Figure): boolean => {
  switch (reach._tag) {
    case "AtLeast":
      return ratio.median >= reach.ratio
    case "AtMost":
      return ratio.median <= reach.ratio
    case "Shown":
      return true
  }
}

export const percentile = (values: ReadonlyArray<number>, fraction: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? Number.NaN
}

export const spreadOf = (values: ReadonlyArray<number>): Spread => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  const upper = sorted[Math.floor(middle)] ?? Number.NaN
  const lower = sorted[Math.ceil(middle) - 1] ?? upper
  return {
    median: (upper + lower) / 2,
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN
  }
}

export interface Measured {
  readonly ours: ReadonlyArray<number>
  readonly theirs: ReadonlyArray<number>
}

type Heading = Pick<Figure, "row" | "name" | "baseline" | "unit" | "reach">

/** A figure from what the rounds measured; both lists in the order of the rounds. */
export const figure = (heading: Heading, { ours, theirs }: Measured): Figure => ({
  ...heading,
  ours: spreadOf(ours),
  theirs: spreadOf(theirs),
  ratio: spreadOf(ours.map((value, round) => value / (theirs[round] ?? Number.NaN)))
})

/** A figure that has a limit of its own instead of a baseline: its ratio is to that limit. */
export const against = (
  heading: Omit<Heading, "reach" | "baseline">,
  values: ReadonlyArray<number>,
  limit: number
): Figure => ({
  ...heading,
  baseline: `limit ${limit} ${heading.unit}`,
  ours: spreadOf(values),
  theirs: undefined,
  ratio: spreadOf(values.map((value) => value / limit)),
  reach: atMost(1)
})

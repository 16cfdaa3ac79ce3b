/** The result of a benchmark: one line of the table. */

/** The median, the least and the greatest value of the rounds. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** The budget for the ratio of ours to the baseline. */
export type Budget =
  | { readonly _tag: "AtLeast"; readonly ratio: number }
  | { readonly _tag: "AtMost"; readonly ratio: number }

export interface Figure {
  /** The row of the table of budgets. */
  readonly row: number
  readonly name: string
  readonly baseline: string
  readonly unit: string
  readonly ours: Spread
  readonly theirs: Spread | undefined
  /** Ours to the baseline, or to the limit where there is no baseline: of each round on its own. */
  readonly ratio: Spread
  readonly budget: Budget
}

export const atLeast = (ratio: number): Budget => ({ _tag: "AtLeast", ratio })
export const atMost = (ratio: number): Budget => ({ _tag: "AtMost", ratio })

export const isMet = ({ budget, ratio }: Figure): boolean =>
  budget._tag === "AtLeast" ? ratio.median >= budget.ratio : ratio.median <= budget.ratio

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

type Heading = Pick<Figure, "row" | "name" | "baseline" | "unit" | "budget">

/** A figure from the values of the rounds; both lists are in the order of the rounds. */
export const figure = (heading: Heading, { ours, theirs }: Measured): Figure => ({
  ...heading,
  ours: spreadOf(ours),
  theirs: spreadOf(theirs),
  ratio: spreadOf(ours.map((value, round) => value / (theirs[round] ?? Number.NaN)))
})

/** A figure with a limit in place of a baseline; its ratio is to that limit. */
export const against = (
  heading: Pick<Figure, "row" | "name" | "unit">,
  values: ReadonlyArray<number>,
  limit: number
): Figure => ({
  ...heading,
  baseline: `limit: ${limit} ${heading.unit}`,
  ours: spreadOf(values),
  theirs: undefined,
  ratio: spreadOf(values.map((value) => value / limit)),
  budget: atMost(1)
})

/** The table and the verdict for people, and the JSON for comparison. */
import { cpus } from "node:os"
import { type Figure, isMet, type Spread } from "./figure.js"

export interface Report {
  readonly at: string
  readonly machine: string
  readonly versions: Readonly<Record<string, string>>
  readonly seconds: number
  readonly figures: ReadonlyArray<Figure & { readonly met: boolean }>
}

export const machine = (): string => {
  const all = cpus()
  return `${all.length} x ${all[0]?.model.trim() ?? "processor"}, ${process.platform} ${process.arch}`
}

const short = (value: number): string => {
  if (!Number.isFinite(value)) return "-"
  if (value >= 1000) return Math.round(value).toLocaleString("en-US").replaceAll(",", " ")
  return String(Number(value.toPrecision(3)))
}

const spread = ({ max, median, min }: Spread): string =>
  `${short(median)} (${short(min)}..${short(max)})`

const ratio = (value: number): string => value.toFixed(2)

const budgetOf = ({ budget }: Figure): string =>
  `${budget._tag === "AtLeast" ? ">=" : "<="} ${budget.ratio}`

const columns = [
  "#",
  "figure",
  "unit",
  "ours",
  "baseline",
  "baseline is",
  "ratio",
  "budget",
  "verdict"
] as const

const cells = (figure: Figure): ReadonlyArray<string> => [
  String(figure.row),
  figure.name,
  figure.unit,
  spread(figure.ours),
  figure.theirs === undefined ? "" : spread(figure.theirs),
  figure.baseline,
  `${ratio(figure.ratio.median)} (${ratio(figure.ratio.min)}..${ratio(figure.ratio.max)})`,
  budgetOf(figure),
  isMet(figure) ? "met" : "MISSED"
]

/** Markdown with aligned columns. */
export const table = (figures: ReadonlyArray<Figure>): string => {
  const rows = [columns, ...figures.map(cells)]
  const widths = columns.map((_, at) => Math.max(...rows.map((row) => (row[at] ?? "").length)))
  const line = (row: ReadonlyArray<string>): string =>
    `| ${widths.map((width, at) => (row[at] ?? "").padEnd(width)).join(" | ")} |`
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`
  const [head, ...body] = rows
  return [line(head ?? columns), rule, ...body.map(line)].join("\n")
}

export const verdict = (
  figures: ReadonlyArray<Figure>
): { readonly missed: boolean; readonly text: string } => {
  const missed = figures.filter((figure) => !isMet(figure))
  if (missed.length === 0) {
    return { missed: false, text: `All ${figures.length} figures are within their budgets.` }
  }
  const rows = [...new Set(missed.map(({ row }) => row))]
  return {
    missed: true,
    text:
      `${missed.length} of ${figures.length} figures miss their budgets: ` +
      `${missed.map(({ name, row }) => `#${row} ${name}`).join("; ")}. ` +
      `Repeat them alone on a quiet machine: npm run bench -- --only ${rows.join(",")}`
  }
}

export const report = (
  figures: ReadonlyArray<Figure>,
  { seconds, versions }: Pick<Report, "seconds" | "versions">
): Report => ({
  at: new Date().toISOString(),
  machine: machine(),
  versions,
  seconds,
  figures: figures.map((figure) => ({ ...figure, met: isMet(figure) }))
})

/** The table for people, and the JSON for comparison. */
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

const reachOf = ({ reach }: Figure): string => {
  switch (reach._tag) {
    case "AtLeast":
      return `>= ${reach.ratio}`
    case "AtMost":
      return `<= ${reach.ratio}`
    case "Shown":
      return ""
  }
}

const columns = ["#", "figure", "unit", "ours", "baseline", "", "ratio", "reach", ""] as const

const cells = (figure: Figure): ReadonlyArray<string> => [
  String(figure.row),
  figure.name,
  figure.unit,
  spread(figure.ours),
  figure.theirs === undefined ? "" : spread(figure.theirs),
  figure.baseline,
  `${ratio(figure.ratio.median)} (${ratio(figure.ratio.min)}..${ratio(figure.ratio.max)})`,
  reachOf(figure),
  figure.reach._tag === "Shown" ? "" : isMet(figure) ? "met" : "MISSED"
]

/** Markdown, aligned to be read as it is. */
export const table = (figures: ReadonlyArray<Figure>): string => {
  const rows = [columns, ...figures.map(cells)]
  const widths = columns.map((_, at) => Math.max(...rows.map((row) => (row[at] ?? "").length)))
  const line = (row: ReadonlyArray<string>): string =>
    `| ${widths.map((width, at) => (row[at] ?? "").padEnd(width)).join(" | ")} |`
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`
  const [head, ...body] = rows
  return [line(head ?? columns), rule, ...body.map(line)].join("\n")
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

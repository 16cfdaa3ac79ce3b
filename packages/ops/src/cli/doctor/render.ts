/** Reports as text for people. */
import { counted, dim, green, red, yellow } from "../output.js"
import type { StepReport, StepStatus } from "./step.js"

const LABELS: { readonly [S in StepStatus]: string } = {
  ok: green("ok     "),
  warning: yellow("warning"),
  failed: red("FAILED "),
  skipped: dim("skipped")
}

const indented = (text: string): string => text.replaceAll("\n", "\n               ")

/** A few lines for one step. */
export const renderReport = (report: StepReport): string =>
  [
    `${LABELS[report.status]}  ${report.step.padEnd(16)}${dim(`${report.took} ms`)}`,
    `         ${dim("tried")} ${report.tried}`,
    `         ${dim("found")} ${indented(report.found)}`,
    ...(report.advice === null ? [] : [`         ${yellow("do")}    ${report.advice}`])
  ].join("\n")

/** One line about all steps. */
export const renderSummary = (reports: ReadonlyArray<StepReport>): string => {
  const of = (status: StepStatus) => reports.filter((report) => report.status === status)
  const failures = of("failed")
  const counts = `${of("ok").length} ok, ${counted(of("warning").length, "warning")}, ${failures.length} failed, ${of("skipped").length} skipped`
  return failures.length === 0
    ? `${green("no step failed")}: ${counts}`
    : `${red("failed")}: ${failures.map(({ step }) => step).join(", ")} (${counts})`
}

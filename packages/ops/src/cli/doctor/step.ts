/**
 * A diagnosis as data: steps that can be run, and the reports that they give. Nothing here prints.
 */
import { Duration, Effect, type Scope, Stream } from "effect"

/**
 * - `ok`: as it should be.
 * - `warning`: it works, and something is probably a mistake or will break later.
 * - `failed`: it does not work. Steps that need this one are skipped.
 * - `skipped`: not tried; `found` says why.
 */
export type StepStatus = "ok" | "warning" | "failed" | "skipped"

/** What a step found. */
export interface Finding {
  readonly status: StepStatus
  readonly found: string
  /** What to do; `undefined` where nothing is to be done. */
  readonly advice: string | undefined
}

export const ok = (found: string): Finding => ({ status: "ok", found, advice: undefined })
export const warning = (found: string, advice: string): Finding => ({
  status: "warning",
  found,
  advice
})
export const failed = (found: string, advice: string): Finding => ({
  status: "failed",
  found,
  advice
})
export const skipped = (found: string): Finding => ({ status: "skipped", found, advice: undefined })

/** One step. A failure of `run` is a finding like its success. */
export interface Step {
  readonly step: string
  /** Steps before this one; it is skipped where one of them failed. */
  readonly needs: ReadonlyArray<string>
  readonly tried: string
  readonly run: Effect.Effect<Finding, Finding, Scope.Scope>
  /** What to do when it does not end within the time limit. */
  readonly ifSilent?: string
  /** How long it waits by itself, in milliseconds: added to the time limit. Default: 0. */
  readonly waits?: number
}

/** The result of a step. Its fields are those of the JSON. */
export interface StepReport {
  readonly step: string
  readonly status: StepStatus
  readonly tried: string
  readonly found: string
  /** In milliseconds. */
  readonly took: number
  readonly advice: string | null
}

const SILENT =
  "check that the server is running and not overloaded, and that no firewall drops data"

/**
 * Runs the steps in order, one at a time, each for at most `timeout`. A step that depends on a
 * failed one is skipped and names it. `clean` removes secrets from every text.
 */
export const runSteps = (
  steps: ReadonlyArray<Step>,
  timeout: Duration.Duration,
  clean: (text: string) => string
): Stream.Stream<StepReport> => {
  /** For each step that did not succeed, the step whose failure is the reason. */
  const reasons = new Map<string, string>()
  const run = (step: Step): Effect.Effect<StepReport> =>
    Effect.gen(function* () {
      const reason = step.needs.map((need) => reasons.get(need)).find((name) => name !== undefined)
      const [took, finding] =
        reason === undefined
          ? yield* Effect.timed(findingOf(step, timeout))
          : [Duration.zero, skipped(`not tried, because the step ${reason} failed`)]
      if (reason !== undefined) reasons.set(step.step, reason)
      if (finding.status === "failed") reasons.set(step.step, step.step)
      return reportOf(step, finding, took, clean)
    })
  return Stream.mapEffect(Stream.fromIterable(steps), run)
}

const findingOf = ({ ifSilent = SILENT, run, waits = 0 }: Step, timeout: Duration.Duration) =>
  Effect.scoped(run).pipe(
    Effect.merge,
    Effect.timeoutTo({
      duration: Duration.sum(timeout, Duration.millis(waits)),
      onSuccess: (finding) => finding,
      onTimeout: () => failed(`no answer within ${Duration.format(timeout)}`, ifSilent)
    })
  )

/** The report of one finding. */
export const reportOf = (
  { step, tried }: Pick<Step, "step" | "tried">,
  { advice, found, status }: Finding,
  took: Duration.Duration,
  clean: (text: string) => string
): StepReport => ({
  step,
  status,
  tried: clean(tried),
  found: clean(found),
  took: Math.round(Duration.toMillis(took) * 10) / 10,
  advice: advice === undefined ? null : clean(advice)
})

/** `doctor`: walks the whole way to the tenant manager and Redis. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Chunk, Console, Data, Duration, Effect, Schema, Stream } from "effect"
import { diagnose, type DiagnosisOptions } from "./doctor/diagnosis.js"
import { renderReport, renderSummary } from "./doctor/render.js"
import type { StepReport } from "./doctor/step.js"
import { envFile, json, withEnvFile } from "./options.js"

/** A step failed; the report has been printed. */
export class DiagnosisFailed extends Data.TaggedError("DiagnosisFailed")<{}> {}

/** Prints each report as soon as its step has ended; with `json` all at the end. */
export const printReports = (
  reports: Stream.Stream<StepReport>,
  format: "text" | "json"
): Effect.Effect<void, DiagnosisFailed> =>
  Effect.gen(function* () {
    const shown =
      format === "json"
        ? reports
        : Stream.tap(reports, (report) => Console.log(renderReport(report)))
    const steps = Chunk.toReadonlyArray(yield* Stream.runCollect(shown))
    const isWell = steps.every(({ status }) => status !== "failed")
    yield* Console.log(
      format === "json"
        ? JSON.stringify({ ok: isWell, steps }, null, 2)
        : `\n${renderSummary(steps)}`
    )
    if (!isWell) return yield* new DiagnosisFailed()
  })

const Seconds = Schema.NumberFromString.pipe(Schema.nonNegative(), Schema.finite())

const seconds = (name: string, value: number, description: string) =>
  Options.text(name).pipe(
    Options.withPseudoName("seconds"),
    Options.withSchema(Seconds),
    Options.withDescription(description),
    Options.withDefault(value),
    Options.map(Duration.seconds)
  )

const publish = Options.boolean("publish").pipe(
  Options.withDescription("Publishes a probe to the channel; listeners skip it.")
)

export const doctorCommand = Command.make(
  "doctor",
  {
    envFile,
    json,
    publish,
    timeout: seconds("timeout", 5, "The time limit of each step. Default: 5."),
    listenFor: seconds("listen", 2, "How long to wait for a message of others. Default: 2.")
  },
  ({ envFile, json, ...options }) =>
    printReports(diagnose(options satisfies DiagnosisOptions), json ? "json" : "text").pipe(
      withEnvFile(envFile)
    )
).pipe(
  Command.withDescription(
    "Tries each step on the way to the tenant manager and Redis, and says what to do."
  )
)

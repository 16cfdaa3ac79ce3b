/** The demo's output: one line per event with the time since the start; colors on a terminal only. */
import { Clock, Effect, HashMap, Logger, LogLevel } from "effect"

export interface Timeline {
  readonly act: (title: string) => Effect.Effect<void>
  readonly line: (text: string) => Effect.Effect<void>
  readonly faint: (text: string) => Effect.Effect<void>
  readonly verdict: (ok: boolean, expected: string, seen: string) => Effect.Effect<void>
  /** Prints the library's log lines as faint lines. */
  readonly logger: Logger.Logger<unknown, void>
}

const paint = (code: number, text: string): string =>
  process.stdout.isTTY && process.env["NO_COLOR"] === undefined
    ? `\u001b[${code}m${text}\u001b[0m`
    : text

const GREEN = 32
const RED = 31
const FAINT = 2
const BOLD = 1

export const makeTimeline: Effect.Effect<Timeline> = Effect.gen(function* () {
  const clock = yield* Effect.clock
  const began = yield* Clock.currentTimeMillis
  const write = (text: string) => {
    const seconds = ((clock.unsafeCurrentTimeMillis() - began) / 1000).toFixed(2).padStart(6)
    process.stdout.write(`${paint(FAINT, `${seconds} s`)}  ${text}\n`)
  }
  const say = (text: string) => Effect.sync(() => write(text))
  return {
    act: (title) => Effect.zipRight(say(""), say(paint(BOLD, title))),
    line: say,
    faint: (text) => say(paint(FAINT, `  ${text}`)),
    verdict: (ok, expected, seen) =>
      Effect.zipRight(
        say(`  expected  ${expected}`),
        say(`  seen      ${seen}  ${ok ? paint(GREEN, "ok") : paint(RED, "NOT AS EXPECTED")}`)
      ),
    logger: Logger.make(({ annotations, logLevel, message }) => {
      if (LogLevel.lessThan(logLevel, LogLevel.Info)) return
      const fields = HashMap.toEntries(annotations)
        .filter(([name]) => name !== "service")
        .map(([name, value]) => ` ${name}=${String(value)}`)
        .join("")
      const text = (Array.isArray(message) ? message : [message]).map(String).join(" ")
      write(paint(FAINT, `  log ${logLevel.label.padEnd(5)} ${text}${fields}`))
    })
  }
})

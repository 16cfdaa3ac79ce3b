/**
 * The demo's output: lines of at most 80 columns, each with the time since the start; colors on a
 * terminal only.
 */
import { Clock, Effect, HashMap, Logger, LogLevel } from "effect"

export interface Timeline {
  readonly act: (title: string) => Effect.Effect<void>
  readonly line: (text: string) => Effect.Effect<void>
  readonly faint: (text: string) => Effect.Effect<void>
  readonly check: (ok: boolean, expected: string) => Effect.Effect<void>
  /** A line as it is, without a time: to be copied. */
  readonly plain: (text: string) => Effect.Effect<void>
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

const COLUMNS = 80
const TIME_COLUMNS = 10

/** Breaks a text between words; a word that is too long has a line of its own. */
const wrap = (text: string): ReadonlyArray<string> => {
  const indent = " ".repeat(text.length - text.trimStart().length)
  const lines: Array<string> = []
  let line = indent
  for (const word of text.trim().split(" ")) {
    if (line.length + word.length >= COLUMNS - TIME_COLUMNS && line !== indent) {
      lines.push(line)
      line = `${indent}  `
    }
    line += line.trim() === "" ? word : ` ${word}`
  }
  return [...lines, line]
}

/** The first digits of a long ID. */
export const short = (id: string): string => (id.length > 12 ? `${id.slice(0, 8)}…` : id)

export const makeTimeline: Effect.Effect<Timeline> = Effect.gen(function* () {
  const clock = yield* Effect.clock
  const began = yield* Clock.currentTimeMillis
  const write = (text: string, color?: number) => {
    const seconds = ((clock.unsafeCurrentTimeMillis() - began) / 1000).toFixed(1).padStart(6)
    wrap(text).forEach((line, at) => {
      const time = at === 0 ? `${seconds} s  ` : " ".repeat(TIME_COLUMNS)
      process.stdout.write(
        `${paint(FAINT, time)}${color === undefined ? line : paint(color, line)}\n`
      )
    })
  }
  const plain = (text: string) => Effect.sync(() => process.stdout.write(`${text}\n`))
  return {
    plain,
    act: (title) =>
      Effect.zipRight(
        plain(""),
        Effect.sync(() => write(title, BOLD))
      ),
    line: (text) => Effect.sync(() => write(text)),
    faint: (text) => Effect.sync(() => write(`  ${text}`, FAINT)),
    check: (ok, expected) =>
      Effect.sync(() => write(`  ${ok ? "ok   " : "FAILED"} ${expected}`, ok ? GREEN : RED)),
    logger: Logger.make(({ annotations, logLevel, message }) => {
      if (LogLevel.lessThan(logLevel, LogLevel.Info)) return
      const fields = HashMap.toEntries(annotations)
        .filter(([name, value]) => name !== "service" && value !== undefined && value !== "")
        .map(([name, value]) => ` ${name}=${String(value)}`)
        .join("")
      const text = (Array.isArray(message) ? message : [message]).map(String).join(" ")
      write(`  log ${logLevel.label.padEnd(5)} ${text}${fields}`, FAINT)
    })
  }
})

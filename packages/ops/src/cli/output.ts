/** Text for a terminal or a pipe. */
import { Console, Effect, Layer } from "effect"
import { stripVTControlCharacters } from "node:util"

const colour =
  (code: number) =>
  (text: string): string =>
    `\u001b[${code}m${text}\u001b[0m`

export const red = colour(31)
export const green = colour(32)
export const yellow = colour(33)
export const dim = colour(2)

/** Foreign text in one line: a name may hold line breaks and escape sequences. */
export const printable = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- control characters are what it removes
  stripVTControlCharacters(text).replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ")

/** `1 tenant`, `2 tenants`. */
export const counted = (count: number, noun: string): string =>
  `${count} ${noun}${count === 1 ? "" : "s"}`

/** Columns as wide as their longest cell. The last one has no padding. */
export const table = (
  head: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>
): string => {
  const all = [head, ...rows]
  const widths = head.map((_, column) =>
    all.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), 0)
  )
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}

/** A console that leaves colours out where the stream of the process has none. */
export const layerConsole: Layer.Layer<never> = Layer.unwrapEffect(
  Effect.map(Console.consoleWith(Effect.succeed), (console) => {
    const plain =
      (isColoured: boolean) =>
      (args: ReadonlyArray<unknown>): ReadonlyArray<unknown> =>
        isColoured
          ? args
          : args.map((arg) => (typeof arg === "string" ? stripVTControlCharacters(arg) : arg))
    const out = plain(hasColours(process.stdout, process.env))
    const error = plain(hasColours(process.stderr, process.env))
    return Console.setConsole({
      ...console,
      log: (...args) => console.log(...out(args)),
      error: (...args) => console.error(...error(args))
    })
  })
)

/** Whether a stream shows colours. `NO_COLOR` with any value but the empty one turns them off. */
export const hasColours = (
  stream: Pick<NodeJS.WriteStream, "isTTY" | "hasColors">,
  environment: Readonly<Record<string, string | undefined>>
): boolean => stream.isTTY && (environment["NO_COLOR"] ?? "") === "" && stream.hasColors()

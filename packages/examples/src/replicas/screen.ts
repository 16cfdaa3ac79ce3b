/** The output: lines of text, and on a terminal a table below them that is drawn anew in place. */
import { Clock, Effect } from "effect"

const WIDTH = 80

/** Moves the cursor up over the table and clears it. */
const erase = (lines: number): string => (lines === 0 ? "" : `\u001b[${lines}A\u001b[J`)

const joined = (lines: ReadonlyArray<string>): string =>
  lines.map((line) => `${line.slice(0, WIDTH)}\n`).join("")

export interface Screen {
  readonly say: (text: string) => Effect.Effect<void>
  /** Shows the table; without a terminal it prints the lines that differ from the last table. */
  readonly show: (table: ReadonlyArray<string>) => Effect.Effect<void>
}

export const makeScreen = (
  output: Pick<NodeJS.WriteStream, "write" | "isTTY">
): Effect.Effect<Screen> =>
  Effect.map(Clock.currentTimeMillis, (startedAt) => {
    let shown: ReadonlyArray<string> = []
    const write = (lines: ReadonlyArray<string>, table: ReadonlyArray<string>) => {
      if (output.isTTY) output.write(erase(shown.length) + joined(lines) + joined(table))
      else output.write(joined([...lines, ...table.filter((line) => !shown.includes(line))]))
      shown = table
    }
    return {
      say: (text) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          const seconds = ((now - startedAt) / 1000).toFixed(1).padStart(5)
          write([`${seconds} s  ${text}`], shown)
        }),
      show: (table) => Effect.sync(() => write([], table))
    }
  })

/** As many words as fit, then how many do not. */
export const fit = (words: ReadonlyArray<string>, width: number): string => {
  const all = words.join(" ")
  if (all.length <= width) return all
  let text = ""
  let count = 0
  for (const word of words) {
    if (text.length + word.length + 1 > width - 4) break
    text += `${word} `
    count++
  }
  return `${text}+${words.length - count}`
}

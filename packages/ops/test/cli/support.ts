/** A console and a terminal that keep what is printed. */
import * as Terminal from "@effect/platform/Terminal"
import { Console, Effect, Layer, Mailbox } from "effect"
import { stripVTControlCharacters } from "node:util"

/** What a command prints, line by line, without colours. */
export const makeOutput = (isTTY = false) => {
  const out: Array<string> = []
  const error: Array<string> = []
  const displayed: Array<string> = []
  const keep = (lines: Array<string>) => (text: unknown) =>
    Effect.sync(() => void lines.push(stripVTControlCharacters(String(text))))
  const layer = Layer.merge(
    Layer.unwrapEffect(
      Effect.map(Console.consoleWith(Effect.succeed), (console) =>
        Console.setConsole({ ...console, log: keep(out), error: keep(error) })
      )
    ),
    Layer.succeed(
      Terminal.Terminal,
      Terminal.Terminal.of({
        columns: Effect.succeed(80),
        rows: Effect.succeed(24),
        isTTY: Effect.succeed(isTTY),
        display: (text) => Effect.sync(() => void displayed.push(text)),
        readInput: Mailbox.make<Terminal.UserInput>(),
        readLine: Effect.fail(new Terminal.QuitException())
      })
    )
  )
  return { out, error, displayed, layer }
}
